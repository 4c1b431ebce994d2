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
  name                 = "serving-test-image-segmentation"
  instance_type        = "ml.m5.large"
  output_location      = "s3://data/async/serving-test-image-segmentation/output/"
  failure_location     = "s3://data/async/serving-test-image-segmentation/failure/"
  execution_role_arn   = "arn:aws:iam::123456789012:role/serving-test"
  rollback_alarm_names = ["server-errors", "failures"]

  container = {
    image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-gluoncv@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    archive     = "s3://artifacts/models/instance_segmentation/aa/model.tar.gz"
    environment = { SERVING_THREADS = "2" }
  }
}

run "serves_a_queue_with_one_variant" {
  module {
    source = "./modules/async_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  assert {
    condition = one(aws_sagemaker_model.this.primary_container).environment == tomap({
      SERVING_MAX_BODY_BYTES  = "1073741824"
      SERVING_TIMEOUT_SECONDS = "900"
      SERVING_THREADS         = "2"
    })
    error_message = "The container must take what AWS may send, and give up when AWS does."
  }

  assert {
    condition     = length(aws_sagemaker_model.this.container) == 0 && can(regex("^serving-test-image-segmentation-blue-[0-9a-f]{8}$", aws_sagemaker_model.this.name))
    error_message = "One container must be the primary one, and the model's name must end in an id of its own."
  }

  assert {
    condition = [for v in aws_sagemaker_endpoint_configuration.this.production_variants : [v.variant_name, v.model_name, v.instance_type, v.initial_instance_count]] == [
      ["blue", aws_sagemaker_model.this.name, "ml.m5.large", 1]
    ]
    error_message = "There must be one variant, and it must start with an instance."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.name_prefix == "serving-test-image-segmentation-" && aws_sagemaker_endpoint.this.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
    error_message = "The configuration must have a prefix for a name, and the endpoint must serve it."
  }

  assert {
    condition = (
      one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).client_config).max_concurrent_invocations_per_instance == 1 &&
      one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).s3_output_path == "s3://data/async/serving-test-image-segmentation/output" &&
      one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).s3_failure_path == "s3://data/async/serving-test-image-segmentation/failure"
    )
    error_message = "SageMaker adds a slash and the name: the paths must end without one."
  }

  assert {
    condition = (
      length(one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).notification_config) == 0 &&
      one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).kms_key_id == null &&
      length(aws_sagemaker_model.this.vpc_config) == 0 &&
      aws_sagemaker_endpoint_configuration.this.kms_key_arn == null
    )
    error_message = "Options that were not asked for must be absent, not empty."
  }

  assert {
    condition = (
      toset(one(one(aws_sagemaker_endpoint.this.deployment_config).auto_rollback_configuration).alarms[*].alarm_name) == toset(["server-errors", "failures"]) &&
      one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].type == "ALL_AT_ONCE"
    )
    error_message = "Rollback alarms must be there from the first day, and updates must be blue/green."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/sagemaker/Endpoints/serving-test-image-segmentation" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group must be SageMaker's, with an end to how long logs are kept."
  }
}

run "a_new_archive_gives_the_model_a_new_name" {
  module {
    source = "./modules/async_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  variables {
    container = {
      image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-gluoncv@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      archive     = "s3://artifacts/models/instance_segmentation/zz/model.tar.gz"
      environment = { SERVING_THREADS = "2" }
    }
  }

  assert {
    condition     = aws_sagemaker_model.this.name != run.serves_a_queue_with_one_variant.model_name
    error_message = "Under its old name the new model could not be made while the old one serves."
  }
}

run "more_instances_leave_the_model_alone" {
  module {
    source = "./modules/async_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  variables {
    instance_count = 2
    container = {
      image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-gluoncv@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      archive     = "s3://artifacts/models/instance_segmentation/zz/model.tar.gz"
      environment = { SERVING_THREADS = "2" }
    }
  }

  assert {
    condition     = aws_sagemaker_model.this.name == run.a_new_archive_gives_the_model_a_new_name.model_name
    error_message = "Only what is in the model may replace it."
  }
}

run "options_reach_their_resources" {
  command = plan

  module {
    source = "./modules/async_endpoint"
  }

  variables {
    max_concurrent_invocations_per_instance = 4
    invocation_timeout_seconds              = 3600
    vpc                                     = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    kms                                     = { key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1" }
    tags                                    = { Team = "vision" }
    topics = {
      success             = "arn:aws:sns:ap-northeast-2:123456789012:success"
      error               = "arn:aws:sns:ap-northeast-2:123456789012:error"
      include_response_in = ["SUCCESS_NOTIFICATION_TOPIC"]
    }
  }

  assert {
    condition     = one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).client_config).max_concurrent_invocations_per_instance == 4 && one(aws_sagemaker_model.this.primary_container).environment["SERVING_TIMEOUT_SECONDS"] == "3600"
    error_message = "Concurrency must reach SageMaker, the time-out the container."
  }

  assert {
    condition = (
      aws_sagemaker_endpoint_configuration.this.kms_key_arn == "arn:aws:kms:ap-northeast-2:123456789012:key/1" &&
      one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1" &&
      aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    )
    error_message = "Volumes, answers and logs must be encrypted with the key."
  }

  assert {
    condition = one(one(one(aws_sagemaker_endpoint_configuration.this.async_inference_config).output_config).notification_config) == {
      success_topic                 = "arn:aws:sns:ap-northeast-2:123456789012:success"
      error_topic                   = "arn:aws:sns:ap-northeast-2:123456789012:error"
      include_inference_response_in = toset(["SUCCESS_NOTIFICATION_TOPIC"])
    }
    error_message = "Both topics must be told, with answers where asked for."
  }

  assert {
    condition     = one(aws_sagemaker_model.this.vpc_config) == { subnets = toset(["subnet-1"]), security_group_ids = toset(["sg-1"]) }
    error_message = "The container must be in the VPC."
  }

  assert {
    condition     = alltrue([for tags in [aws_sagemaker_model.this.tags, aws_sagemaker_endpoint_configuration.this.tags, aws_sagemaker_endpoint.this.tags] : tags == tomap({ Team = "vision" })])
    error_message = "Everything must be tagged."
  }
}

run "every_strategy_reaches_sagemaker" {
  command = plan

  module {
    source = "./modules/async_endpoint"
  }

  variables {
    instance_count = 2
    deployment     = { strategy = "LINEAR", step_percent = 50 }
    kms            = { key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1", encrypt_volumes = false }
  }

  assert {
    condition     = one(one(one(aws_sagemaker_endpoint.this.deployment_config).blue_green_update_policy).traffic_routing_configuration[0].linear_step_size).value == 50
    error_message = "A linear shift must have its step."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.kms_key_arn == null && aws_cloudwatch_log_group.this.kms_key_id != null
    error_message = "encrypt_volumes = false must leave the volumes, and only them, without the key."
  }
}

run "rolling_updates_replace_a_few_instances_at_a_time" {
  command = plan

  module {
    source = "./modules/async_endpoint"
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

run "refuses_what_sagemaker_would_refuse" {
  command = plan

  module {
    source = "./modules/async_endpoint"
  }

  variables {
    name                                    = "serving_test"
    instance_type                           = "m5.large"
    max_concurrent_invocations_per_instance = 1001
    invocation_timeout_seconds              = 3601
    output_location                         = "s3://data"
    rollback_alarm_names                    = []
    topics                                  = { success = "a", error = "b", include_response_in = ["BOTH"] }
  }

  expect_failures = [
    var.name, var.instance_type, var.max_concurrent_invocations_per_instance, var.invocation_timeout_seconds,
    var.output_location, var.rollback_alarm_names, var.topics,
  ]
}

# On its own: rules that look at another variable, too, are asked only after those on that variable have passed.
run "refuses_a_canary_of_one_instance" {
  command = plan

  module {
    source = "./modules/async_endpoint"
  }

  variables {
    deployment = { strategy = "CANARY" }
  }

  expect_failures = [var.deployment]
}
