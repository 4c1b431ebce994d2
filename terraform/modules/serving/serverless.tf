# Serverless endpoints: each is one model in a container that SageMaker starts when it is asked.

locals {
  serverless_variant = "blue"

  # What terraform.tfvars says, joined with what the release holds.
  serverless_endpoints = { for key, endpoint in var.serverless_endpoints : key => merge(endpoint, {
    name = "${local.prefix}-${key}"
    tags = merge(var.tags, { Endpoint = key }, endpoint.tags)
    task = var.release.models[endpoint.model].task

    provisioned_concurrency = try(coalesce(endpoint.provisioned_concurrency, try(endpoint.autoscaling.min, null)), null)

    container = {
      image       = var.release.images[var.release.models[endpoint.model].image]
      archive     = var.release.models[endpoint.model].archive
      environment = endpoint.environment
    }
  }) }

  serverless_catalog = { for key, endpoint in local.serverless_endpoints : key => {
    pattern       = "serverless"
    endpoint_name = module.serverless_endpoint[key].name
    mode          = "Single"
    variants      = [local.serverless_variant]

    # SageMaker keeps no hostname of a container that is alone; clients get one of the form that it would have.
    containers = { (replace(endpoint.model, "_", "-")) = { task = endpoint.task, model = endpoint.model } }

    serverless = { max_concurrency = endpoint.max_concurrency }
  } }
}

module "serverless_execution_role" {
  source   = "../execution_role"
  for_each = local.serverless_endpoints

  name                     = "${each.value.name}-${local.region}" # roles are global, endpoints are not
  endpoint_name            = each.value.name
  images                   = [each.value.container.image]
  archives                 = [each.value.container.archive]
  kms_key_arn              = local.foundation.kms_key_arn
  metrics_namespace        = each.value.metrics_namespace
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = each.value.tags
}

module "serverless_alarms" {
  source   = "../serverless_alarms"
  for_each = local.serverless_endpoints

  endpoint_name = each.value.name
  variant_name  = local.serverless_variant
  alarms        = each.value.alarms
  topic_arn     = module.notifications.topic_arn
  tags          = each.value.tags
}

module "serverless_endpoint" {
  source   = "../serverless_endpoint"
  for_each = local.serverless_endpoints

  name                    = each.value.name
  variant_name            = local.serverless_variant
  container               = each.value.container
  memory_mb               = each.value.memory_mb
  max_concurrency         = each.value.max_concurrency
  provisioned_concurrency = each.value.provisioned_concurrency
  execution_role_arn      = module.serverless_execution_role[each.key].arn
  kms_key_arn             = local.foundation.kms_key_arn
  log_retention_days      = var.log_retention_days
  tags                    = each.value.tags
}

module "serverless_autoscaling" {
  source   = "../serverless_autoscaling"
  for_each = { for key, endpoint in local.serverless_endpoints : key => endpoint if endpoint.autoscaling != null }

  endpoint_name           = module.serverless_endpoint[each.key].name
  variant_name            = local.serverless_variant
  max_concurrency         = each.value.max_concurrency
  provisioned_concurrency = each.value.provisioned_concurrency
  autoscaling             = each.value.autoscaling
  tags                    = each.value.tags
}

module "serverless_client_policy" {
  source   = "../serverless_client_policy"
  for_each = local.serverless_endpoints

  endpoint_name     = each.value.name
  catalog_parameter = "/serving/${var.environment}/catalog" # not module.catalog's output, which waits for the endpoints
  tags              = each.value.tags
}
