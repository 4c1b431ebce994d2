# Asynchronous endpoints: each is one model behind a queue, with a place in the data bucket and notices of its own.

locals {
  async_variant = "blue"

  # What terraform.tfvars says, joined with what the release holds.
  async_endpoints = { for key, endpoint in var.async_endpoints : key => merge(endpoint, {
    name           = "${local.prefix}-${key}"
    role_name      = "${local.prefix}-${key}-${local.region}" # roles are global, endpoints are not
    tags           = merge(var.tags, { Endpoint = key }, endpoint.tags)
    instance_count = coalesce(endpoint.instance_count, try(max(endpoint.autoscaling.min, 1), null), 1)
    task           = var.release.models[endpoint.model].task

    container = {
      image       = var.release.images[var.release.models[endpoint.model].image]
      archive     = var.release.models[endpoint.model].archive
      environment = endpoint.environment
    }

    locations = { for part in ["input", "output", "failure"] : part => "s3://${local.foundation.data_bucket}/async/${local.prefix}-${key}/${part}/" }
  }) }

  async_catalog = { for key, endpoint in local.async_endpoints : key => {
    pattern       = "async"
    endpoint_name = module.async_endpoint[key].name
    mode          = "Single"
    variants      = [local.async_variant]

    # SageMaker keeps no hostname of a container that is alone; clients get one of the form that it would have.
    containers = { (replace(endpoint.model, "_", "-")) = { task = endpoint.task, model = endpoint.model } }

    async = merge(endpoint.locations, {
      queue_url         = module.async_notifications[key].queue_url
      success_topic_arn = module.async_notifications[key].success_topic_arn
      error_topic_arn   = module.async_notifications[key].error_topic_arn
    })
  } }
}

module "async_notifications" {
  source   = "../async_notifications"
  for_each = local.async_endpoints

  endpoint_name       = each.value.name
  publisher_role_name = each.value.role_name
  kms_key_arn         = local.foundation.kms_key_arn
  notifications       = each.value.notifications
  tags                = each.value.tags
}

module "async_execution_role" {
  source   = "../execution_role"
  for_each = local.async_endpoints

  name                     = each.value.role_name
  endpoint_name            = each.value.name
  images                   = [each.value.container.image]
  archives                 = [each.value.container.archive]
  kms_key_arn              = local.foundation.kms_key_arn
  vpc                      = each.value.vpc
  metrics_namespace        = each.value.metrics_namespace
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = each.value.tags

  asynchronous = {
    input_locations    = setunion([each.value.locations.input], each.value.input_locations)
    output_locations   = [each.value.locations.output, each.value.locations.failure]
    topic_arns         = [module.async_notifications[each.key].success_topic_arn, module.async_notifications[each.key].error_topic_arn]
    input_kms_key_arns = each.value.input_kms_key_arns
  }
}

module "async_alarms" {
  source   = "../async_alarms"
  for_each = local.async_endpoints

  endpoint_name = each.value.name
  variant_name  = local.async_variant
  alarms        = each.value.alarms
  topic_arn     = module.notifications.topic_arn
  tags          = each.value.tags
}

module "async_endpoint" {
  source   = "../async_endpoint"
  for_each = local.async_endpoints

  name                                    = each.value.name
  variant_name                            = local.async_variant
  container                               = each.value.container
  instance_type                           = each.value.instance_type
  instance_count                          = each.value.instance_count
  max_concurrent_invocations_per_instance = each.value.max_concurrent_invocations_per_instance
  invocation_timeout_seconds              = each.value.invocation_timeout_seconds
  startup_timeout_seconds                 = each.value.startup_timeout_seconds
  download_timeout_seconds                = each.value.download_timeout_seconds
  output_location                         = each.value.locations.output
  failure_location                        = each.value.locations.failure
  execution_role_arn                      = module.async_execution_role[each.key].arn
  rollback_alarm_names                    = module.async_alarms[each.key].rollback_alarm_names
  deployment                              = each.value.deployment
  kms                                     = merge(each.value.kms, { key_arn = local.foundation.kms_key_arn })
  vpc                                     = each.value.vpc
  log_retention_days                      = var.log_retention_days
  tags                                    = each.value.tags

  topics = {
    success             = module.async_notifications[each.key].success_topic_arn
    error               = module.async_notifications[each.key].error_topic_arn
    include_response_in = each.value.notifications.include_response_in
  }
}

module "async_autoscaling" {
  source   = "../async_autoscaling"
  for_each = { for key, endpoint in local.async_endpoints : key => endpoint if endpoint.autoscaling != null }

  endpoint_name  = module.async_endpoint[each.key].name
  variant_name   = local.async_variant
  instance_type  = each.value.instance_type
  instance_count = each.value.instance_count
  autoscaling    = each.value.autoscaling
  tags           = each.value.tags
}

module "async_client_policy" {
  source   = "../async_client_policy"
  for_each = local.async_endpoints

  endpoint_name     = each.value.name
  locations         = each.value.locations
  queue_arn         = module.async_notifications[each.key].queue_arn
  catalog_parameter = "/serving/${var.environment}/catalog" # not module.catalog's output, which waits for the endpoints
  kms_key_arn       = local.foundation.kms_key_arn
  tags              = each.value.tags
}
