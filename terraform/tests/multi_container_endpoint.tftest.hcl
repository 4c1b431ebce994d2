mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

# For the runs that apply: values made up while planning would be made up anew.
mock_provider "aws" {
  alias  = "applied"
  source = "./tests/mocks"
}

variables {
  name                 = "serving-test-korean-nlp"
  mode                 = "Direct"
  execution_role_arn   = "arn:aws:iam::123456789012:role/serving-test"
  rollback_alarm_names = ["blue-server-errors", "blue-latency-p99"]

  variants = {
    blue = {
      instance_type  = "ml.m5.large"
      instance_count = 2
      containers = {
        sentiment = {
          image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
          archive     = "s3://artifacts/models/sentiment/aa/model.tar.gz"
          environment = { SERVING_THREADS = "2" }
        }
        similarity = {
          image   = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
          archive = "s3://artifacts/models/similarity/bb/model.tar.gz"
        }
      }
    }
  }
}

run "direct_mode_gives_every_container_its_hostname" {
  module {
    source = "./modules/multi_container_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  assert {
    condition     = aws_sagemaker_model.this["blue"].container[*].container_hostname == tolist(["sentiment", "similarity"]) && one(aws_sagemaker_model.this["blue"].inference_execution_config).mode == "Direct"
    error_message = "Each key of containers must become a hostname of a Direct model."
  }

  assert {
    condition     = length(aws_sagemaker_model.this["blue"].primary_container) == 0 && aws_sagemaker_model.this["blue"].container[0].environment == tomap({ SERVING_THREADS = "2" })
    error_message = "Several containers must not hold a primary one, and keep their environment."
  }

  assert {
    condition     = length(aws_sagemaker_model.this["blue"].name) <= 63 && can(regex("^serving-test-korean-nlp-blue-[0-9a-f]{8}$", aws_sagemaker_model.this["blue"].name))
    error_message = "A model's name must end in an id of its own, so that the next one can exist beside it."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.name_prefix == "serving-test-korean-nlp-" && one(aws_sagemaker_endpoint_configuration.this.production_variants).model_name == aws_sagemaker_model.this["blue"].name
    error_message = "The configuration must have a prefix for a name and point to the model."
  }

  assert {
    condition     = aws_sagemaker_endpoint.this.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
    error_message = "The endpoint must serve the configuration."
  }

  assert {
    condition     = toset(one(one(aws_sagemaker_endpoint.this.deployment_config).auto_rollback_configuration).alarms[*].alarm_name) == toset(["blue-server-errors", "blue-latency-p99"])
    error_message = "Rollback alarms must be there from the first day."
  }

  assert {
    condition     = one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].type == "ALL_AT_ONCE"
    error_message = "Updates must be blue/green."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/sagemaker/Endpoints/serving-test-korean-nlp" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group must be SageMaker's, with an end to how long logs are kept."
  }

  assert {
    condition = (
      length(aws_sagemaker_model.this["blue"].vpc_config) == 0 &&
      length(aws_sagemaker_endpoint_configuration.this.data_capture_config) == 0 &&
      aws_sagemaker_endpoint_configuration.this.kms_key_arn == null
    )
    error_message = "Options that were not asked for must be absent, not empty."
  }
}

run "a_new_archive_gives_the_model_a_new_name" {
  module {
    source = "./modules/multi_container_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  variables {
    variants = {
      blue = {
        instance_type  = "ml.m5.large"
        instance_count = 2
        containers = {
          sentiment = {
            image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
            archive     = "s3://artifacts/models/sentiment/zz/model.tar.gz"
            environment = { SERVING_THREADS = "2" }
          }
          similarity = {
            image   = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
            archive = "s3://artifacts/models/similarity/bb/model.tar.gz"
          }
        }
      }
    }
  }

  assert {
    condition     = aws_sagemaker_model.this["blue"].name != run.direct_mode_gives_every_container_its_hostname.model_names["blue"]
    error_message = "Under its old name the new model could not be made while the old one serves."
  }
}

run "serial_mode_sends_containers_in_their_order" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    mode = "Serial"
    variants = {
      blue = {
        instance_type = "ml.m5.large"
        containers = {
          answer  = { order = 10, image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/c.tar.gz" }
          clean   = { order = 1, image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/a.tar.gz" }
          predict = { order = 2, image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/b.tar.gz" }
        }
      }
    }
  }

  assert {
    condition     = aws_sagemaker_model.this["blue"].container[*].container_hostname == tolist(["clean", "predict", "answer"]) && one(aws_sagemaker_model.this["blue"].inference_execution_config).mode == "Serial"
    error_message = "The pipeline must follow `order`, not the alphabet."
  }
}

run "single_mode_is_a_plain_real_time_endpoint" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    mode = "Single"
    variants = {
      blue = {
        instance_type = "ml.c6i.xlarge"
        containers = {
          sentiment = { image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/a.tar.gz" }
        }
      }
    }
  }

  assert {
    condition = (
      one(aws_sagemaker_model.this["blue"].primary_container).model_data_url == "s3://artifacts/a.tar.gz" &&
      length(aws_sagemaker_model.this["blue"].container) == 0 &&
      length(aws_sagemaker_model.this["blue"].inference_execution_config) == 0
    )
    error_message = "One container must be the primary one, with no execution mode."
  }
}

run "two_variants_are_an_a_b_test" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    mode = "Single"
    variants = {
      control = {
        instance_type = "ml.m5.large"
        weight        = 9
        containers = {
          sentiment = { image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/a.tar.gz" }
        }
      }
      candidate = {
        instance_type            = "ml.c6i.large"
        instance_count           = 2
        startup_timeout_seconds  = 60
        download_timeout_seconds = 3600
        containers = {
          sentiment = { image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/b.tar.gz" }
        }
      }
    }
  }

  assert {
    condition = { for v in aws_sagemaker_endpoint_configuration.this.production_variants : v.variant_name => [v.instance_type, v.initial_instance_count, v.initial_variant_weight] } == {
      control   = ["ml.m5.large", 1, 9]
      candidate = ["ml.c6i.large", 2, 1]
    }
    error_message = "Each variant must keep its own instances and weight."
  }

  assert {
    condition     = aws_sagemaker_model.this["control"].primary_container[0].model_data_url != aws_sagemaker_model.this["candidate"].primary_container[0].model_data_url
    error_message = "Each variant must have its own model."
  }
}

run "options_reach_their_resources" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    vpc          = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    kms          = { key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1" }
    data_capture = { s3_uri = "s3://artifacts/captured/korean-nlp", sampling_percent = 5 }
    deployment   = { strategy = "CANARY", step_percent = 20, wait_seconds = 600 }
    tags         = { Team = "nlp" }
  }

  assert {
    condition     = one(aws_sagemaker_model.this["blue"].vpc_config) == { subnets = toset(["subnet-1", "subnet-2"]), security_group_ids = toset(["sg-1"]) }
    error_message = "The containers must be in the VPC."
  }

  assert {
    condition = (
      aws_sagemaker_endpoint_configuration.this.kms_key_arn == "arn:aws:kms:ap-northeast-2:123456789012:key/1" &&
      one(aws_sagemaker_endpoint_configuration.this.data_capture_config).kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1" &&
      aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    )
    error_message = "Volumes, captured data and logs must be encrypted with the key."
  }

  assert {
    condition = (
      one(aws_sagemaker_endpoint_configuration.this.data_capture_config).initial_sampling_percentage == 5 &&
      one(aws_sagemaker_endpoint_configuration.this.data_capture_config).capture_options[*].capture_mode == tolist(["Input", "Output"])
    )
    error_message = "Requests and answers must both be captured."
  }

  assert {
    condition     = one(one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].canary_size) == { type = "CAPACITY_PERCENT", value = 20 }
    error_message = "A canary must have its size."
  }

  assert {
    condition     = alltrue([for tags in [aws_sagemaker_model.this["blue"].tags, aws_sagemaker_endpoint_configuration.this.tags, aws_sagemaker_endpoint.this.tags] : tags == tomap({ Team = "nlp" })])
    error_message = "Everything must be tagged."
  }
}

run "local_disks_keep_their_own_key" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    kms        = { key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1", encrypt_volumes = false }
    deployment = { strategy = "LINEAR", step_percent = 25 }
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.kms_key_arn == null && aws_cloudwatch_log_group.this.kms_key_id != null
    error_message = "encrypt_volumes = false must leave the volumes, and only them, without the key."
  }

  assert {
    condition     = one(one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].linear_step_size).value == 25
    error_message = "A linear shift must have its step."
  }
}

run "every_strategy_ends_before_the_provider_gives_up_when_only_its_name_is_given" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    deployment = { strategy = "LINEAR" }
  }

  assert {
    condition = (
      one(one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].linear_step_size).value == 20 &&
      one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).maximum_execution_timeout_in_seconds == 3300
    )
    error_message = "The defaults must suit the strategy with the most steps, and SageMaker must give up before the provider does."
  }
}

run "rolling_updates_replace_a_few_instances_at_a_time" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    deployment = { strategy = "ROLLING", step_percent = 25 }
  }

  assert {
    condition = (
      length(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy) == 0 &&
      one(one(one(aws_sagemaker_endpoint.this.deployment_config).rolling_update_policy).maximum_batch_size).value == 25
    )
    error_message = "ROLLING must send a rolling policy instead of a blue/green one."
  }
}

run "refuses_scalars_out_of_range" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    name                 = "serving_test"
    mode                 = "Parallel"
    rollback_alarm_names = []
    vpc                  = { subnet_ids = [], security_group_ids = ["sg-1"] }
    kms                  = { key_arn = "alias/serving" }
    data_capture         = { s3_uri = "s3://artifacts/captured", sampling_percent = 0 }
    log_retention_days   = 31
  }

  expect_failures = [
    var.name, var.mode, var.rollback_alarm_names, var.vpc, var.kms, var.data_capture, var.log_retention_days,
  ]
}

# On its own: rules that look at the variants, too, are asked only after those on the variants have passed.
run "refuses_a_canary_of_one_instance" {
  command = plan

  module {
    source = "./modules/multi_container_endpoint"
  }

  variables {
    deployment = { strategy = "CANARY" }
    variants = {
      blue = {
        instance_type = "ml.m5.large"
        containers = {
          sentiment  = { image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/a.tar.gz" }
          similarity = { image = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/a@sha256:0000000000000000000000000000000000000000000000000000000000000000", archive = "s3://artifacts/b.tar.gz" }
        }
      }
    }
  }

  expect_failures = [var.deployment]
}
