output "endpoints" {
  description = "Key => endpoint: name, arn, mode, variants."
  value       = module.serving.endpoints
}

output "async_endpoints" {
  description = "Key => asynchronous endpoint: name, arn, S3 locations, topics, queue, and the policy that the roles of its clients need."
  value       = module.serving.async_endpoints
}

output "serverless_endpoints" {
  description = "Key => serverless endpoint: name, arn, and the policy that the roles of its clients need."
  value       = module.serving.serverless_endpoints
}

output "functions" {
  description = "Key => function: name, arn, newest version, alias, URL, queues of failed events, and the policy that the roles of its clients need."
  value       = module.serving.functions
}

output "catalog_parameter" {
  description = "SSM parameter that clients read."
  value       = module.serving.catalog_parameter
}

output "dashboard_url" {
  description = "Page of the dashboard in the AWS console."
  value       = module.serving.dashboard_url
}
