data "aws_region" "current" {}

data "aws_ssm_parameter" "foundation" {
  name = "/serving/${var.environment}/foundation"

  lifecycle {
    postcondition {
      condition     = length(var.async_endpoints) == 0 || can(jsondecode(self.insecure_value).data_bucket)
      error_message = "The foundation of ${var.environment} has no bucket for requests and answers, which asynchronous endpoints need: it was made before there were any. Run `invoke foundation --env ${var.environment}`."
    }

    precondition {
      condition     = length(local.unknown_attributes) == 0
      error_message = "terraform.tfvars has attributes that mean nothing: ${join("; ", local.unknown_attributes)}. Correct or remove them."
    }
  }
}

locals {
  prefix     = "serving-${var.environment}"
  region     = data.aws_region.current.name
  foundation = jsondecode(data.aws_ssm_parameter.foundation.insecure_value)

  # What terraform.tfvars says, joined with what the release holds.
  endpoints = { for key, endpoint in var.endpoints : key => merge(endpoint, {
    name = "${local.prefix}-${key}"
    tags = merge(var.tags, { Endpoint = key }, endpoint.tags)

    variants = { for variant_name, variant in endpoint.variants : variant_name => merge(variant, {
      instance_count = coalesce(variant.instance_count, try(endpoint.autoscaling.min, null), 1)

      containers = { for hostname, container in variant.containers : hostname => merge(container, {
        image   = var.release.images[var.release.models[container.model].image]
        archive = var.release.models[container.model].archive
        task    = var.release.models[container.model].task
      }) }
    }) }

    data_capture = endpoint.data_capture == null ? null : merge(endpoint.data_capture, {
      s3_uri = "s3://${local.foundation.artifact_bucket}/captured/${local.prefix}-${key}"
    })
  }) }

  containers = { for key, endpoint in local.endpoints : key => merge(values(endpoint.variants)[*].containers...) }
}

module "notifications" {
  source = "../notifications"

  name        = "${local.prefix}-alarms"
  kms_key_arn = local.foundation.kms_key_arn
  emails      = var.alarm_emails
  tags        = var.tags
}

module "execution_role" {
  source   = "../execution_role"
  for_each = local.endpoints

  name                     = "${each.value.name}-${local.region}" # roles are global, endpoints are not
  endpoint_name            = each.value.name
  images                   = flatten([for variant in values(each.value.variants) : values(variant.containers)[*].image])
  archives                 = flatten([for variant in values(each.value.variants) : values(variant.containers)[*].archive])
  kms_key_arn              = local.foundation.kms_key_arn
  vpc                      = each.value.vpc
  data_capture             = each.value.data_capture
  metrics_namespace        = each.value.metrics_namespace
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = each.value.tags
}

module "endpoint_alarms" {
  source   = "../endpoint_alarms"
  for_each = local.endpoints

  endpoint_name = each.value.name
  variants      = keys(each.value.variants)
  alarms        = each.value.alarms
  topic_arn     = module.notifications.topic_arn
  tags          = each.value.tags
}

module "multi_container_endpoint" {
  source   = "../multi_container_endpoint"
  for_each = local.endpoints

  name                 = each.value.name
  mode                 = each.value.mode
  variants             = each.value.variants
  execution_role_arn   = module.execution_role[each.key].arn
  rollback_alarm_names = module.endpoint_alarms[each.key].rollback_alarm_names
  deployment           = each.value.deployment
  kms                  = merge(each.value.kms, { key_arn = local.foundation.kms_key_arn })
  vpc                  = each.value.vpc
  data_capture         = each.value.data_capture
  log_retention_days   = var.log_retention_days
  tags                 = each.value.tags
}

module "endpoint_autoscaling" {
  source   = "../endpoint_autoscaling"
  for_each = { for key, endpoint in local.endpoints : key => endpoint if endpoint.autoscaling != null }

  endpoint_name = module.multi_container_endpoint[each.key].name
  variants      = each.value.variants
  autoscaling   = each.value.autoscaling
  tags          = each.value.tags
}

module "dashboard" {
  source = "../dashboard"

  name   = local.prefix
  region = local.region

  endpoints = { for key, endpoint in local.endpoints : key => {
    endpoint_name = endpoint.name
    variants      = keys(endpoint.variants)
    hostnames     = endpoint.mode == "Single" ? [] : keys(local.containers[key])
  } }

  async_endpoints = { for key, endpoint in local.async_endpoints : key => {
    endpoint_name = endpoint.name
    variant_name  = local.async_variant
  } }

  serverless_endpoints = { for key, endpoint in local.serverless_endpoints : key => {
    endpoint_name = endpoint.name
    variant_name  = local.serverless_variant
    provisioned   = endpoint.provisioned_concurrency != null
  } }

  functions = { for key, function in local.functions : key => {
    function_name = function.name
    qualifier     = "live"
    provisioned   = function.provisioned_concurrency != null
  } }
}

module "catalog" {
  source = "../catalog"

  environment = var.environment
  region      = local.region
  tags        = var.tags

  endpoints = merge(local.async_catalog, local.serverless_catalog, local.function_catalog, { for key, endpoint in local.endpoints : key => {
    pattern       = "multi_container"
    endpoint_name = module.multi_container_endpoint[key].name
    mode          = endpoint.mode
    variants      = keys(endpoint.variants)

    # Only a pipeline has an order.
    containers = { for hostname, container in local.containers[key] : hostname => merge(container, {
      order = endpoint.mode == "Serial" ? coalesce(container.order, 0) : null # 0 is multi_container_endpoint's default
    }) }
  } })
}
