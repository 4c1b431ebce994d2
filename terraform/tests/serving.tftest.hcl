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

  release = {
    images = {
      nlp_onnx = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    }
    models = {
      sentiment    = { image = "nlp_onnx", task = "sentiment", archive = "s3://artifacts/models/sentiment/aa/model.tar.gz" }
      sentiment_v2 = { image = "nlp_onnx", task = "sentiment", archive = "s3://artifacts/models/sentiment_v2/bb/model.tar.gz" }
      similarity   = { image = "nlp_onnx", task = "similarity", archive = "s3://artifacts/models/similarity/cc/model.tar.gz" }
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
