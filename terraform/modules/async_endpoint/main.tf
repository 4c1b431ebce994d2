locals {
  # What the container must know of the way it is called; `environment` may not name these.
  environment = merge(var.container.environment, {
    SERVING_MAX_BODY_BYTES  = tostring(1024 * 1024 * 1024) # the largest request that AWS hands over
    SERVING_TIMEOUT_SECONDS = tostring(var.invocation_timeout_seconds)
  })
}

# As in module multi_container_endpoint: each revision of the model has a random id in its name, because the old model must
# keep its name while it still serves.
resource "terraform_data" "revision" {
  triggers_replace = [var.name, var.container.image, var.container.archive, local.environment, var.execution_role_arn, var.vpc]

  lifecycle {
    create_before_destroy = true
  }
}

# Made before the container writes its first line: a group that SageMaker makes keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/sagemaker/Endpoints/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = try(var.kms.key_arn, null)
  tags              = var.tags
}

resource "aws_sagemaker_model" "this" {
  name               = "${trimsuffix(substr("${var.name}-${var.variant_name}", 0, 54), "-")}-${substr(terraform_data.revision.id, 0, 8)}"
  execution_role_arn = var.execution_role_arn

  primary_container {
    image          = var.container.image
    model_data_url = var.container.archive
    environment    = local.environment
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]

    content {
      subnets            = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint_configuration" "this" {
  # The provider appends 26 characters; a fixed name would collide with the configuration in use.
  name_prefix = "${trimsuffix(substr(var.name, 0, 36), "-")}-"
  kms_key_arn = try(var.kms.encrypt_volumes, false) ? var.kms.key_arn : null

  production_variants {
    variant_name                                      = var.variant_name
    model_name                                        = aws_sagemaker_model.this.name
    instance_type                                     = var.instance_type
    initial_instance_count                            = var.instance_count
    initial_variant_weight                            = 1
    container_startup_health_check_timeout_in_seconds = var.startup_timeout_seconds
    model_data_download_timeout_in_seconds            = var.download_timeout_seconds
  }

  async_inference_config {
    client_config {
      max_concurrent_invocations_per_instance = var.max_concurrent_invocations_per_instance
    }

    output_config {
      s3_output_path  = trimsuffix(var.output_location, "/")
      s3_failure_path = trimsuffix(var.failure_location, "/")
      kms_key_id      = try(var.kms.key_arn, null)

      dynamic "notification_config" {
        for_each = var.topics[*]

        content {
          success_topic                 = notification_config.value.success
          error_topic                   = notification_config.value.error
          include_inference_response_in = notification_config.value.include_response_in
        }
      }
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# Deployment guardrails hold for asynchronous endpoints as for real-time ones (SageMaker guide, "Deployment guardrails for
# updating models in production").
resource "aws_sagemaker_endpoint" "this" {
  name                 = var.name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this.name

  deployment_config {
    dynamic "blue_green_update_policy" {
      for_each = var.deployment.strategy == "ROLLING" ? [] : [var.deployment]

      content {
        termination_wait_in_seconds          = blue_green_update_policy.value.termination_wait_seconds
        maximum_execution_timeout_in_seconds = blue_green_update_policy.value.timeout_seconds

        traffic_routing_configuration {
          type                     = blue_green_update_policy.value.strategy
          wait_interval_in_seconds = blue_green_update_policy.value.wait_seconds

          dynamic "canary_size" {
            for_each = blue_green_update_policy.value.strategy == "CANARY" ? [blue_green_update_policy.value.step_percent] : []

            content {
              type  = "CAPACITY_PERCENT"
              value = canary_size.value
            }
          }

          dynamic "linear_step_size" {
            for_each = blue_green_update_policy.value.strategy == "LINEAR" ? [blue_green_update_policy.value.step_percent] : []

            content {
              type  = "CAPACITY_PERCENT"
              value = linear_step_size.value
            }
          }
        }
      }
    }

    dynamic "rolling_update_policy" {
      for_each = var.deployment.strategy == "ROLLING" ? [var.deployment] : []

      content {
        maximum_execution_timeout_in_seconds = rolling_update_policy.value.timeout_seconds
        wait_interval_in_seconds             = rolling_update_policy.value.wait_seconds

        maximum_batch_size {
          type  = "CAPACITY_PERCENT"
          value = rolling_update_policy.value.step_percent
        }
      }
    }

    # Adding this block to an endpoint that has none, or removing it, replaces the endpoint: so it is always there.
    auto_rollback_configuration {
      dynamic "alarms" {
        for_each = var.rollback_alarm_names

        content {
          alarm_name = alarms.value
        }
      }
    }
  }

  tags = var.tags

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    # When SageMaker rolls an update back it reports success, on the old configuration. Without this condition apply
    # would report success too, and then delete the configuration and the model that are in use.
    postcondition {
      condition     = self.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
      error_message = "SageMaker rolled endpoint ${var.name} back: it still serves configuration ${self.endpoint_config_name}, which is kept. Look at the endpoint's FailureReason (aws sagemaker describe-endpoint --endpoint-name ${var.name}), its alarms and its log group, then deploy a mended release."
    }
  }
}
