mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment = "test"

  endpoints = {
    korean-nlp = {
      mode = "Direct"
      variants = {
        blue = {
          instance_type = "ml.m5.large"
          containers = {
            sentiment  = { model = "sentiment", environment = { SERVING_THREADS = "1" } }
            similarity = { model = "similarity" }
          }
        }
      }
      autoscaling = { min = 2, max = 4, invocations_per_instance = 600 }
    }

    feelings = {
      mode = "Single"
      variants = {
        control   = { instance_type = "ml.m5.large", weight = 9, containers = { sentiment = { model = "sentiment" } } }
        candidate = { instance_type = "ml.m5.large", weight = 1, containers = { sentiment = { model = "sentiment_v2" } } }
      }
      data_capture = { sampling_percent = 5 }
      tags         = { Team = "nlp" }
    }
  }

  async_endpoints = {
    image-segmentation = {
      model                      = "instance_segmentation"
      instance_type              = "ml.m5.xlarge"
      environment                = { SERVING_THREADS = "2" }
      invocation_timeout_seconds = 1800
      input_locations            = ["s3://videos/raw/"]
      autoscaling                = { min = 0, max = 2, backlog_per_instance = 4 }
      tags                       = { Team = "vision" }
    }

    steady = {
      model          = "instance_segmentation"
      instance_type  = "ml.m5.large"
      instance_count = 2
      notifications  = { client_queue = false, include_response_in = ["SUCCESS_NOTIFICATION_TOPIC"] }
      alarms         = { failure_percent = 0 }
      deployment     = { strategy = "CANARY", step_percent = 50 }
    }
  }

  serverless_endpoints = {
    sentiment-serverless = { model = "sentiment", max_concurrency = 20, memory_mb = 3072, autoscaling = { min = 2, max = 10 } }
    similarity-cold      = { model = "similarity", max_concurrency = 5, environment = { SERVING_THREADS = "1" }, tags = { Team = "nlp" } }
  }

  functions = {
    object-detection = {
      model                = "object_detection"
      memory_mb            = 3538
      timeout_seconds      = 60
      environment          = { SERVING_THREADS = "2" }
      reserved_concurrency = 20
      autoscaling          = { min = 2, max = 10 }
      url                  = { cors = { allow_origins = ["https://app.example.com"] } }
      events               = { retries = 1, dead_letter_queue = true }
      logging              = { format = "JSON" }
      tracing              = true
    }

    sentiment-function = {
      model  = "sentiment"
      canary = { stable_version = "3", weight = 0.1 }
      events = { failure_queue = false }
      alarms = { init_ms = 0 }
    }
  }

  release = {
    images = {
      gluoncv  = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-gluoncv@sha256:1111111111111111111111111111111111111111111111111111111111111111"
      nlp_onnx = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"

      lambda_detection = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-lambda-detection@sha256:2222222222222222222222222222222222222222222222222222222222222222"
      lambda_sentiment = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-lambda-sentiment@sha256:3333333333333333333333333333333333333333333333333333333333333333"
    }
    models = {
      object_detection = { task = "detection", function_image = "lambda_detection" }

      sentiment    = { image = "nlp_onnx", function_image = "lambda_sentiment", task = "sentiment", archive = "s3://artifacts/models/sentiment/aa/model.tar.gz" }
      sentiment_v2 = { image = "nlp_onnx", task = "sentiment", archive = "s3://artifacts/models/sentiment_v2/bb/model.tar.gz" }
      similarity   = { image = "nlp_onnx", task = "similarity", archive = "s3://artifacts/models/similarity/cc/model.tar.gz" }

      instance_segmentation = { image = "gluoncv", task = "segmentation", archive = "s3://artifacts/models/instance_segmentation/dd/model.tar.gz" }
    }
  }
}

run "composes_every_endpoint_from_tfvars_and_release" {
  command = plan

  module {
    source = "./modules/serving"
  }

  assert {
    condition = { for key, endpoint in output.endpoints : key => "${endpoint.name} ${endpoint.mode} ${join(" ", endpoint.variants)}" } == {
      korean-nlp = "serving-test-korean-nlp Direct blue"
      feelings   = "serving-test-feelings Single candidate control"
    }
    error_message = "Each key must become an endpoint serving-<environment>-<key>."
  }

  assert {
    condition     = keys(module.endpoint_autoscaling) == ["korean-nlp"]
    error_message = "Only an endpoint that asks for autoscaling may get it."
  }

  assert {
    condition = sort(module.endpoint_alarms["feelings"].rollback_alarm_names) == tolist([
      "serving-test-feelings-candidate-latency-p99",
      "serving-test-feelings-candidate-server-errors",
      "serving-test-feelings-control-latency-p99",
      "serving-test-feelings-control-server-errors",
    ])
    error_message = "Every variant must have alarms."
  }

  assert {
    condition = jsondecode(module.catalog.json) == {
      version     = 1
      environment = "test"
      region      = "ap-northeast-2"
      endpoints = {
        image-segmentation = {
          pattern       = "async"
          endpoint_name = "serving-test-image-segmentation"
          mode          = "Single"
          variants      = ["blue"]
          containers    = { instance-segmentation = { task = "segmentation", model = "instance_segmentation" } }
          async = {
            input             = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-image-segmentation/input/"
            output            = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-image-segmentation/output/"
            failure           = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-image-segmentation/failure/"
            queue_url         = "https://sqs.ap-northeast-2.amazonaws.com/123456789012/serving-test-image-segmentation-notices"
            success_topic_arn = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms" # the mock's, for every topic
            error_topic_arn   = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
          }
        }
        steady = {
          pattern       = "async"
          endpoint_name = "serving-test-steady"
          mode          = "Single"
          variants      = ["blue"]
          containers    = { instance-segmentation = { task = "segmentation", model = "instance_segmentation" } }
          async = {
            input             = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-steady/input/"
            output            = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-steady/output/"
            failure           = "s3://serving-data-123456789012-ap-northeast-2/async/serving-test-steady/failure/"
            success_topic_arn = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
            error_topic_arn   = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
          }
        }
        sentiment-serverless = {
          pattern       = "serverless"
          endpoint_name = "serving-test-sentiment-serverless"
          mode          = "Single"
          variants      = ["blue"]
          containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
          serverless    = { max_concurrency = 20 }
        }
        similarity-cold = {
          pattern       = "serverless"
          endpoint_name = "serving-test-similarity-cold"
          mode          = "Single"
          variants      = ["blue"]
          containers    = { similarity = { task = "similarity", model = "similarity" } }
          serverless    = { max_concurrency = 5 }
        }
        object-detection = {
          pattern       = "lambda"
          endpoint_name = "serving-test-object-detection"
          mode          = "Single"
          variants      = []
          containers    = { object-detection = { task = "detection", model = "object_detection" } }
          function      = { qualifier = "live", timeout_s = 60, max_concurrency = 20, url = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.ap-northeast-2.on.aws/" }
        }
        sentiment-function = {
          pattern       = "lambda"
          endpoint_name = "serving-test-sentiment-function"
          mode          = "Single"
          variants      = []
          containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
          function      = { qualifier = "live", timeout_s = 30 }
        }
        korean-nlp = {
          pattern       = "multi_container"
          endpoint_name = "serving-test-korean-nlp"
          mode          = "Direct"
          variants      = ["blue"]
          containers    = { sentiment = { task = "sentiment", model = "sentiment" }, similarity = { task = "similarity", model = "similarity" } }
        }
        feelings = {
          pattern       = "multi_container"
          endpoint_name = "serving-test-feelings"
          mode          = "Single"
          variants      = ["candidate", "control"]
          containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
        }
      }
    }
    error_message = "The catalog must name every endpoint and container."
  }

  assert {
    condition     = output.dashboard_url == "https://ap-northeast-2.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-2#dashboards/dashboard/serving-test"
    error_message = "There must be one dashboard an environment."
  }
}

run "composes_asynchronous_endpoints_beside_them" {
  command = plan

  module {
    source = "./modules/serving"
  }

  assert {
    condition = { for key, endpoint in output.async_endpoints : key => [endpoint.name, endpoint.queue_url != null, endpoint.client_policy_arn != null] } == {
      image-segmentation = ["serving-test-image-segmentation", true, true]
      steady             = ["serving-test-steady", false, true]
    }
    error_message = "Each key must become an endpoint serving-<environment>-<key>, with a queue unless it wants none, and a policy for its clients."
  }

  assert {
    condition     = keys(module.async_autoscaling) == ["image-segmentation"] && module.async_autoscaling["image-segmentation"].wake_alarm_name == "serving-test-image-segmentation-wake"
    error_message = "Only an endpoint that asks for autoscaling may get it; one that may sleep must be woken."
  }

  assert {
    condition     = module.async_alarms["steady"].rollback_alarm_names == ["serving-test-steady-server-errors"] && length(module.async_alarms["image-segmentation"].rollback_alarm_names) == 2
    error_message = "Alarms must be each endpoint's own."
  }

  assert {
    condition     = keys(module.execution_role) == ["feelings", "korean-nlp"] && keys(module.multi_container_endpoint) == ["feelings", "korean-nlp"]
    error_message = "Real-time endpoints must stay where they were in the state."
  }
}

run "composes_serverless_endpoints_beside_them" {
  command = plan

  module {
    source = "./modules/serving"
  }

  assert {
    condition = { for key, endpoint in output.serverless_endpoints : key => [endpoint.name, endpoint.client_policy_arn != null] } == {
      sentiment-serverless = ["serving-test-sentiment-serverless", true]
      similarity-cold      = ["serving-test-similarity-cold", true]
    }
    error_message = "Each key must become an endpoint serving-<environment>-<key>, with a policy for its clients."
  }

  assert {
    condition     = keys(module.serverless_autoscaling) == ["sentiment-serverless"] && module.serverless_autoscaling["sentiment-serverless"].resource_id == "endpoint/serving-test-sentiment-serverless/variant/blue"
    error_message = "Only an endpoint that asks for autoscaling may get it."
  }

  assert {
    condition     = contains(module.serverless_alarms["similarity-cold"].names, "serving-test-similarity-cold-concurrency")
    error_message = "Every serverless endpoint must have alarms."
  }
}

run "composes_functions_beside_them" {
  command = plan

  module {
    source = "./modules/serving"
  }

  assert {
    condition = { for key, function in output.functions : key => [function.name, function.version, function.url != null, function.failure_queue_url != null, function.dead_letter_queue_url != null, function.client_policy_arn != null] } == {
      object-detection   = ["serving-test-object-detection", "4", true, true, true, true]
      sentiment-function = ["serving-test-sentiment-function", "4", false, false, false, true]
    }
    error_message = "Each key must become a function serving-<environment>-<key>, with the URL and the queues that it asks for."
  }

  assert {
    condition     = keys(module.lambda_concurrency) == ["object-detection"] && module.lambda_concurrency["object-detection"].resource_id == "function:serving-test-object-detection:live"
    error_message = "Only a function that asks for it may have environments kept ready, and they belong to its alias."
  }

  assert {
    condition     = contains(module.lambda_alarms["object-detection"].names, "serving-test-object-detection-init") && !contains(module.lambda_alarms["sentiment-function"].names, "serving-test-sentiment-function-init")
    error_message = "Alarms must be each function's own."
  }
}

run "a_foundation_without_a_data_bucket_says_how_to_get_one" {
  command = plan

  module {
    source = "./modules/serving"
  }

  override_data {
    target          = data.aws_ssm_parameter.foundation
    override_during = plan
    values          = { insecure_value = "{\"artifact_bucket\":\"artifacts\",\"kms_key_arn\":\"arn:aws:kms:ap-northeast-2:123456789012:key/1\",\"repositories\":{}}" }
  }

  expect_failures = [data.aws_ssm_parameter.foundation]
}

run "such_a_foundation_still_serves_in_real_time" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    async_endpoints = {}
  }

  override_data {
    target          = data.aws_ssm_parameter.foundation
    override_during = plan
    values          = { insecure_value = "{\"artifact_bucket\":\"artifacts\",\"kms_key_arn\":\"arn:aws:kms:ap-northeast-2:123456789012:key/1\",\"repositories\":{}}" }
  }

  assert {
    condition     = keys(output.endpoints) == ["feelings", "korean-nlp"] && output.async_endpoints == {}
    error_message = "What needs no data bucket must not ask for one."
  }
}

run "the_catalog_keeps_the_order_of_a_pipeline" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    endpoints = {
      pipeline = {
        mode = "Serial"
        variants = {
          blue = {
            instance_type = "ml.m5.large"
            containers    = { sentiment = { model = "sentiment", order = 2 }, similarity = { model = "similarity" } }
          }
        }
      }
    }
  }

  assert {
    condition = jsondecode(module.catalog.json).endpoints.pipeline.containers == {
      sentiment  = { task = "sentiment", model = "sentiment", order = 2 }
      similarity = { task = "similarity", model = "similarity", order = 0 }
    }
    error_message = "Who reads the catalog must see which container of a Serial endpoint comes first."
  }
}

run "a_missing_release_says_which_task_writes_it" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    release = null
  }

  expect_failures = [var.release]
}

run "a_misspelt_attribute_of_an_asynchronous_endpoint_is_refused_too" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    async_endpoints_as_written = {
      image-segmentation = {
        model         = "instance_segmentation"
        max_concurent = 2
        notifications = { retention_second = 60 }
        autoscaling   = { min = 0, max = 2, backlog_per_instance = 4, wake_cooldown = 60 }
      }
    }
  }

  expect_failures = [data.aws_ssm_parameter.foundation]
}

run "a_misspelt_attribute_of_a_function_is_refused_too" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    functions_as_written = {
      object-detection = { model = "object_detection", url = { cors = { allow_origin = ["*"] } } }
    }
  }

  expect_failures = [data.aws_ssm_parameter.foundation]
}

run "what_sagemaker_does_not_do_without_servers_is_refused_with_the_reason" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    serverless_endpoints_as_written = {
      sentiment-serverless = { model = "sentiment", max_concurrency = 20, vpc = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] } }
    }
  }

  expect_failures = [data.aws_ssm_parameter.foundation]
}

run "a_misspelt_attribute_is_refused_by_name" {
  command = plan

  module {
    source = "./modules/serving"
  }

  variables {
    endpoints_as_written = {
      feelings = {
        mode         = "Single"
        autoscalling = { min = 1, max = 2, invocations_per_instance = 600 }
        deployment   = { wait_second = 10 }
        variants     = { control = { instance_types = "ml.m5.large", containers = { sentiment = { modell = "sentiment" } } } }
      }
    }
  }

  expect_failures = [data.aws_ssm_parameter.foundation]
}
