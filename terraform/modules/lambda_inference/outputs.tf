output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function, without a qualifier."
  value       = aws_lambda_function.this.arn
}

output "version" {
  description = "Newest published version. Without a canary it is what `live` means."
  value       = aws_lambda_function.this.version
}

output "qualifier" {
  description = "Alias that callers use."
  value       = aws_lambda_alias.live.name
}

output "alias_arn" {
  description = "ARN of that alias."
  value       = aws_lambda_alias.live.arn
}

output "url" {
  description = "URL of that alias; null: there is none."
  value       = one(aws_lambda_function_url.live[*].function_url)
}

output "log_group" {
  description = "Log group of the function."
  value       = aws_cloudwatch_log_group.this.name
}
