output "name" {
  description = "Name of the endpoint."
  value       = aws_sagemaker_endpoint.this.name
}

output "arn" {
  description = "ARN of the endpoint."
  value       = aws_sagemaker_endpoint.this.arn
}

output "variant_name" {
  description = "Name of its only variant."
  value       = var.variant_name
}

output "log_group" {
  description = "Log group of the containers."
  value       = aws_cloudwatch_log_group.this.name
}

output "model_name" {
  description = "Name of its model."
  value       = aws_sagemaker_model.this.name
}
