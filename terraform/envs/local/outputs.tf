output "endpoints" {
  description = "Key => endpoint: name, arn, mode, variants."
  value       = module.serving.endpoints
}

output "catalog_parameter" {
  description = "SSM parameter that clients read."
  value       = module.serving.catalog_parameter
}

output "dashboard_url" {
  description = "Page of the dashboard in the AWS console."
  value       = module.serving.dashboard_url
}
