# Lambda functions: each is one model in an image of its own, behind the alias `live`.

locals {
  # What terraform.tfvars says, joined with what the release holds.
  functions = { for key, function in var.functions : key => merge(function, {
    name      = "${local.prefix}-${key}"
    role_name = "${local.prefix}-${key}-${local.region}" # roles are global, functions are not
    tags      = merge(var.tags, { Function = key }, function.tags)
    image     = var.release.images[var.release.models[function.model].function_image]
    task      = var.release.models[function.model].task

    # Names, because a queue takes half a minute: the role, which names it too, does not wait for it.
    failure_queue_name     = function.events.failure_queue ? "${local.prefix}-${key}-failures" : null
    dead_letter_queue_name = function.events.dead_letter_queue ? "${local.prefix}-${key}-dead-letters" : null

    timeout_seconds         = coalesce(function.timeout_seconds, 30) # lambda_inference's default; alarms and callers need it, too
    provisioned_concurrency = try(coalesce(function.provisioned_concurrency, try(function.autoscaling.min, null)), null)
  }) }

  function_catalog = { for key, function in local.functions : key => {
    pattern       = "lambda"
    endpoint_name = module.lambda_inference[key].name
    mode          = "Single"
    variants      = []
    containers    = { (replace(function.model, "_", "-")) = { task = function.task, model = function.model } }

    function = {
      qualifier       = module.lambda_inference[key].qualifier
      timeout_s       = function.timeout_seconds
      max_concurrency = function.reserved_concurrency
      url             = module.lambda_inference[key].url
    }
  } }
}

# A record of each event that failed for good: the event, the last answer, the reason.
module "lambda_failure_queue" {
  source   = "../lambda_failure_queue"
  for_each = { for key, function in local.functions : key => function if function.failure_queue_name != null }

  name              = each.value.failure_queue_name
  sender_role_name  = each.value.role_name
  kms_key_arn       = local.foundation.kms_key_arn
  retention_seconds = each.value.events.retention_seconds
  tags              = each.value.tags
}

# The bare event, of whichever version or alias was called. Apart from the other queues because functions wait for these, which
# are part of them, and not for those.
module "lambda_dead_letter_queue" {
  source   = "../lambda_failure_queue"
  for_each = { for key, function in local.functions : key => function if function.dead_letter_queue_name != null }

  name              = each.value.dead_letter_queue_name
  sender_role_name  = each.value.role_name
  kms_key_arn       = local.foundation.kms_key_arn
  retention_seconds = each.value.events.retention_seconds
  tags              = each.value.tags
}

module "lambda_role" {
  source   = "../lambda_role"
  for_each = local.functions

  name                     = each.value.role_name
  function_name            = each.value.name
  queue_names              = compact([each.value.failure_queue_name, each.value.dead_letter_queue_name])
  kms_key_arn              = local.foundation.kms_key_arn
  tracing                  = each.value.tracing
  vpc                      = each.value.vpc != null
  metrics_namespace        = each.value.metrics_namespace
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = each.value.tags
}

module "lambda_inference" {
  source   = "../lambda_inference"
  for_each = local.functions

  name                 = each.value.name
  image                = each.value.image
  image_config         = each.value.image_config
  architecture         = each.value.architecture
  role_arn             = module.lambda_role[each.key].arn
  memory_mb            = each.value.memory_mb
  tmp_mb               = each.value.tmp_mb
  timeout_seconds      = each.value.timeout_seconds
  environment          = each.value.environment
  reserved_concurrency = each.value.reserved_concurrency
  canary               = each.value.canary
  url                  = each.value.url
  dead_letter_queue    = each.value.dead_letter_queue_name == null ? null : { arn = module.lambda_dead_letter_queue[each.key].arn }
  logging              = each.value.logging
  tracing              = each.value.tracing
  vpc                  = each.value.vpc
  kms_key_arn          = local.foundation.kms_key_arn
  log_retention_days   = var.log_retention_days
  tags                 = each.value.tags
}

module "lambda_events" {
  source   = "../lambda_events"
  for_each = local.functions

  function_name = each.value.name
  qualifier     = module.lambda_inference[each.key].qualifier
  events        = each.value.events
  failure_queue = each.value.failure_queue_name == null ? null : { arn = module.lambda_failure_queue[each.key].arn }
}

module "lambda_concurrency" {
  source   = "../lambda_concurrency"
  for_each = { for key, function in local.functions : key => function if function.provisioned_concurrency != null }

  function_name           = module.lambda_inference[each.key].name
  qualifier               = module.lambda_inference[each.key].qualifier
  provisioned_concurrency = each.value.provisioned_concurrency
  reserved_concurrency    = each.value.reserved_concurrency
  autoscaling             = each.value.autoscaling
  tags                    = each.value.tags
}

module "lambda_alarms" {
  source   = "../lambda_alarms"
  for_each = local.functions

  function_name     = each.value.name
  qualifier         = "live" # not the alias's own name, which waits for the probe: alarms are there first
  timeout_seconds   = each.value.timeout_seconds
  log_group         = module.lambda_inference[each.key].log_group
  log_format        = each.value.logging.format
  system_level      = each.value.logging.system_level
  queue_names       = compact([each.value.failure_queue_name, each.value.dead_letter_queue_name])
  dead_letter_queue = each.value.events.dead_letter_queue
  alarms            = each.value.alarms
  topic_arn         = module.notifications.topic_arn
  tags              = each.value.tags
}

module "lambda_client_policy" {
  source   = "../lambda_client_policy"
  for_each = local.functions

  function_name     = each.value.name
  url               = each.value.url != null
  catalog_parameter = "/serving/${var.environment}/catalog" # not module.catalog's output, which waits for the functions
  tags              = each.value.tags
}
