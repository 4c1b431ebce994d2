locals {
  # What the container must know of the way it is called; `environment` may not name these.
  environment = merge(var.container.environment, {
    SERVING_MAX_BODY_BYTES  = tostring(4 * 1024 * 1024) # the largest request that AWS hands over
    SERVING_TIMEOUT_SECONDS = "60"
  })
}

# As in module multi_container_endpoint: each revision of the model has a random id in its name, because the old model must
# keep its name while it still serves.
resource "terraform_data" "revision" {
  triggers_replace = [var.name, var.container.image, var.container.archive, local.environment, var.execution_role_arn]

  lifecycle {
    create_before_destroy = true
  }
}

# Made before the container writes its first line: a group that SageMaker makes keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/sagemaker/Endpoints/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

# A serverless endpoint takes one container, and neither a VPC nor network isolation (SageMaker guide, "Deploy models with
# Amazon SageMaker Serverless Inference").
resource "aws_sagemaker_model" "this" {
  name               = "${trimsuffix(substr("${var.name}-${var.variant_name}", 0, 54), "-")}-${substr(terraform_data.revision.id, 0, 8)}"
  execution_role_arn = var.execution_role_arn

  primary_container {
    image          = var.container.image
    model_data_url = var.container.archive
    environment    = local.environment
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# Without a key: it is for the volumes of instances, and there are none.
resource "aws_sagemaker_endpoint_configuration" "this" {
  # The provider appends 26 characters; a fixed name would collide with the configuration in use.
  name_prefix = "${trimsuffix(substr(var.name, 0, 36), "-")}-"

  production_variants {
    variant_name           = var.variant_name
    model_name             = aws_sagemaker_model.this.name
    initial_variant_weight = 1

    serverless_config {
      memory_size_in_mb       = var.memory_mb
      max_concurrency         = var.max_concurrency
      provisioned_concurrency = var.provisioned_concurrency
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# Without a deployment_config: guardrails are for endpoints with instances.
resource "aws_sagemaker_endpoint" "this" {
  name                 = var.name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this.name
  tags                 = var.tags

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    # When an update fails SageMaker goes back to the old configuration and reports success. Without this condition apply
    # would report success too, and then delete the configuration and the model that are in use.
    postcondition {
      condition     = self.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
      error_message = "SageMaker rolled endpoint ${var.name} back: it still serves configuration ${self.endpoint_config_name}, which is kept. Look at the endpoint's FailureReason (aws sagemaker describe-endpoint --endpoint-name ${var.name}) and its log group, then deploy a mended release."
    }
  }
}
