output "qualifier" {
  description = "Alias whose events are handled so."
  value       = aws_lambda_function_event_invoke_config.this.qualifier
}
