output "endpoints" {
  description = "Key => endpoint: name, arn, mode, variants."
  value = { for key, endpoint in module.multi_container_endpoint : key => {
    name     = endpoint.name
    arn      = endpoint.arn
    mode     = endpoint.mode
    variants = endpoint.variants
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
