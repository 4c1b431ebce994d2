output "name" {
  description = "Name of the endpoint."
  value       = aws_sagemaker_endpoint.this.name
}

output "arn" {
  description = "ARN of the endpoint."
  value       = aws_sagemaker_endpoint.this.arn
}

output "mode" {
  description = "Direct, Serial or Single."
  value       = var.mode
}

output "variants" {
  description = "Names of the variants."
  value       = keys(var.variants)
}

output "hostnames" {
  description = "Variant => hostnames of its containers, in the order of the pipeline."
  value       = { for variant, containers in local.containers : variant => containers[*].hostname }
}

output "log_group" {
  description = "Log group of the containers."
  value       = aws_cloudwatch_log_group.this.name
}

output "model_names" {
  description = "Variant => name of its model."
  value       = { for variant, model in aws_sagemaker_model.this : variant => model.name }
}
