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
  name               = "serving-test-sentiment"
  memory_mb          = 3072
  max_concurrency    = 20
  execution_role_arn = "arn:aws:iam::123456789012:role/serving-test"

  container = {
    image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
    archive     = "s3://artifacts/models/sentiment/aa/model.tar.gz"
    environment = { SERVING_THREADS = "2" }
  }
}

run "serves_one_container_without_instances" {
  module {
    source = "./modules/serverless_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  assert {
    condition = one(aws_sagemaker_model.this.primary_container).environment == tomap({
      SERVING_MAX_BODY_BYTES  = "4194304"
      SERVING_TIMEOUT_SECONDS = "60"
      SERVING_THREADS         = "2"
    })
    error_message = "The container must take what AWS may send, and give up when AWS does."
  }

  assert {
    condition     = length(aws_sagemaker_model.this.container) == 0 && length(aws_sagemaker_model.this.vpc_config) == 0 && can(regex("^serving-test-sentiment-blue-[0-9a-f]{8}$", aws_sagemaker_model.this.name))
    error_message = "One container must be the primary one, outside of any VPC, and the model's name must end in an id of its own."
  }

  assert {
    condition = [for v in aws_sagemaker_endpoint_configuration.this.production_variants : [v.variant_name, v.model_name, v.serverless_config[0].memory_size_in_mb, v.serverless_config[0].max_concurrency]] == [
      ["blue", aws_sagemaker_model.this.name, 3072, 20]
    ]
    error_message = "There must be one variant, with the memory and the concurrency that were asked for."
  }

  assert {
    condition = (
      one(aws_sagemaker_endpoint_configuration.this.production_variants).serverless_config[0].provisioned_concurrency == null &&
      one(aws_sagemaker_endpoint_configuration.this.production_variants).initial_instance_count == null &&
      length(aws_sagemaker_endpoint_configuration.this.data_capture_config) == 0 &&
      aws_sagemaker_endpoint_configuration.this.kms_key_arn == null &&
      length(aws_sagemaker_endpoint.this.deployment_config) == 0
    )
    error_message = "What SageMaker refuses for serverless endpoints must be absent, not empty."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this.name_prefix == "serving-test-sentiment-" && aws_sagemaker_endpoint.this.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
    error_message = "The configuration must have a prefix for a name, and the endpoint must serve it."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/sagemaker/Endpoints/serving-test-sentiment" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group must be SageMaker's, with an end to how long logs are kept."
  }
}

run "a_new_archive_gives_the_model_a_new_name" {
  module {
    source = "./modules/serverless_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  variables {
    container = {
      image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      archive     = "s3://artifacts/models/sentiment/zz/model.tar.gz"
      environment = { SERVING_THREADS = "2" }
    }
  }

  assert {
    condition     = aws_sagemaker_model.this.name != run.serves_one_container_without_instances.model_name
    error_message = "Under its old name the new model could not be made while the old one serves."
  }
}

run "more_concurrency_leaves_the_model_alone" {
  module {
    source = "./modules/serverless_endpoint"
  }

  providers = {
    aws = aws.applied
  }

  variables {
    max_concurrency = 40
    container = {
      image       = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      archive     = "s3://artifacts/models/sentiment/zz/model.tar.gz"
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
    source = "./modules/serverless_endpoint"
  }

  variables {
    provisioned_concurrency = 4
    kms_key_arn             = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    tags                    = { Team = "nlp" }
  }

  assert {
    condition     = one(aws_sagemaker_endpoint_configuration.this.production_variants).serverless_config[0].provisioned_concurrency == 4
    error_message = "Environments that are kept ready must be asked for."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1" && aws_sagemaker_endpoint_configuration.this.kms_key_arn == null
    error_message = "Logs must be encrypted with the key; there are no volumes."
  }

  assert {
    condition     = alltrue([for tags in [aws_sagemaker_model.this.tags, aws_sagemaker_endpoint_configuration.this.tags, aws_sagemaker_endpoint.this.tags] : tags == tomap({ Team = "nlp" })])
    error_message = "Everything must be tagged."
  }
}

run "refuses_what_sagemaker_would_refuse_late" {
  command = plan

  module {
    source = "./modules/serverless_endpoint"
  }

  variables {
    memory_mb       = 1500
    max_concurrency = 201
  }

  expect_failures = [var.memory_mb, var.max_concurrency]
}

run "refuses_to_keep_more_ready_than_it_allows" {
  command = plan

  module {
    source = "./modules/serverless_endpoint"
  }

  variables {
    provisioned_concurrency = 21
  }

  expect_failures = [var.provisioned_concurrency]
}
