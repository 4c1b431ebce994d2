locals {
  # Variant => its containers in the order in which they are sent: by `order`, then by hostname.
  containers = {
    for variant_name, variant in var.variants : variant_name => [
      for key in sort([for hostname, container in variant.containers : format("%03d/%s", container.order, hostname)]) :
      merge(variant.containers[split("/", key)[1]], { hostname = split("/", key)[1] })
    ]
  }
}

# A model cannot be changed, only replaced, and its name must be free while the old one still serves. A hash of its
# contents would not do: going back to an earlier release after a rollback meets the model of that release, which is
# still in use, under the very same name. So each revision has a random id, and it stands in the name.
resource "terraform_data" "revision" {
  for_each = var.variants

  triggers_replace = [var.name, var.mode, local.containers[each.key], var.execution_role_arn, var.vpc]

  lifecycle {
    create_before_destroy = true
  }
}

# Made before the containers write their first line: a group that SageMaker makes keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/sagemaker/Endpoints/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = try(var.kms.key_arn, null)
  tags              = var.tags
}

resource "aws_sagemaker_model" "this" {
  for_each = var.variants

  name               = "${trimsuffix(substr("${var.name}-${each.key}", 0, 54), "-")}-${substr(terraform_data.revision[each.key].id, 0, 8)}"
  execution_role_arn = var.execution_role_arn

  dynamic "primary_container" {
    for_each = var.mode == "Single" ? local.containers[each.key] : []

    content {
      image          = primary_container.value.image
      model_data_url = primary_container.value.archive
      environment    = primary_container.value.environment
    }
  }

  dynamic "container" {
    for_each = var.mode == "Single" ? [] : local.containers[each.key]

    content {
      container_hostname = container.value.hostname
      image              = container.value.image
      model_data_url     = container.value.archive
      environment        = container.value.environment
    }
  }

  dynamic "inference_execution_config" {
    for_each = var.mode == "Single" ? [] : [var.mode]

    content {
      mode = inference_execution_config.value
    }
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

  dynamic "production_variants" {
    for_each = var.variants

    content {
      variant_name                                      = production_variants.key
      model_name                                        = aws_sagemaker_model.this[production_variants.key].name
      instance_type                                     = production_variants.value.instance_type
      initial_instance_count                            = production_variants.value.instance_count
      initial_variant_weight                            = production_variants.value.weight
      container_startup_health_check_timeout_in_seconds = production_variants.value.startup_timeout_seconds
      model_data_download_timeout_in_seconds            = production_variants.value.download_timeout_seconds

      routing_config {
        routing_strategy = "LEAST_OUTSTANDING_REQUESTS"
      }
    }
  }

  dynamic "data_capture_config" {
    for_each = var.data_capture[*]

    content {
      enable_capture              = true
      destination_s3_uri          = data_capture_config.value.s3_uri
      initial_sampling_percentage = data_capture_config.value.sampling_percent
      kms_key_id                  = try(var.kms.key_arn, null)

      capture_options {
        capture_mode = "Input"
      }

      capture_options {
        capture_mode = "Output"
      }

      capture_content_type_header {
        json_content_types = ["application/json", "application/jsonlines"]
      }
    }
  }

  tags = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

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
    # would report success too, and then delete the configuration and the models that are in use.
    postcondition {
      condition     = self.endpoint_config_name == aws_sagemaker_endpoint_configuration.this.name
      error_message = "SageMaker rolled endpoint ${var.name} back: it still serves configuration ${self.endpoint_config_name}, which is kept. Look at the endpoint's FailureReason (aws sagemaker describe-endpoint --endpoint-name ${var.name}), its alarms and its log group, then deploy a mended release."
    }
  }
}
