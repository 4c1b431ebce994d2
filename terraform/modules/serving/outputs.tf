output "endpoints" {
  description = "Key => endpoint: name, arn, mode, variants."
  value = { for key, endpoint in module.multi_container_endpoint : key => {
    name     = endpoint.name
    arn      = endpoint.arn
    mode     = endpoint.mode
    variants = endpoint.variants
  } }
}

output "async_endpoints" {
  description = "Key => asynchronous endpoint: name, arn, S3 locations, topics, queue, and the policy that the roles of its clients need."
  value = { for key, endpoint in module.async_endpoint : key => {
    name              = endpoint.name
    arn               = endpoint.arn
    input             = local.async_endpoints[key].locations.input
    output            = local.async_endpoints[key].locations.output
    failure           = local.async_endpoints[key].locations.failure
    queue_url         = module.async_notifications[key].queue_url
    success_topic_arn = module.async_notifications[key].success_topic_arn
    error_topic_arn   = module.async_notifications[key].error_topic_arn
    client_policy_arn = module.async_client_policy[key].arn
  } }
}

output "serverless_endpoints" {
  description = "Key => serverless endpoint: name, arn, and the policy that the roles of its clients need."
  value = { for key, endpoint in module.serverless_endpoint : key => {
    name              = endpoint.name
    arn               = endpoint.arn
    client_policy_arn = module.serverless_client_policy[key].arn
  } }
}

output "functions" {
  description = "Key => function: name, arn, newest version, alias, URL, queues of failed events, and the policy that the roles of its clients need."
  value = { for key, function in module.lambda_inference : key => {
    name                  = function.name
    arn                   = function.arn
    version               = function.version
    alias_arn             = function.alias_arn
    url                   = function.url
    failure_queue_url     = try(module.lambda_failure_queue[key].url, null)
    dead_letter_queue_url = try(module.lambda_dead_letter_queue[key].url, null)
    client_policy_arn     = module.lambda_client_policy[key].arn
  } }
}

output "catalog_parameter" {
  description = "SSM parameter that clients read."
  value       = module.catalog.parameter
}

output "dashboard_url" {
  description = "Page of the dashboard in the AWS console."
  value       = module.dashboard.url
}

output "alarm_topic_arn" {
  description = "Topic that is told of alarms."
  value       = module.notifications.topic_arn
}
