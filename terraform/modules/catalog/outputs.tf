output "parameter" {
  description = "Name of the SSM parameter."
  value       = aws_ssm_parameter.this.name
}

output "json" {
  description = "The catalog itself."
  value       = aws_ssm_parameter.this.insecure_value
}
