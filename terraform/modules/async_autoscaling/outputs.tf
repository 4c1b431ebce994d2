output "resource_id" {
  description = "The variant's resource id in Application Auto Scaling."
  value       = aws_appautoscaling_target.this.resource_id
}

output "target_id" {
  description = "Identity of the scaling target in Terraform; a new one means that it was registered anew."
  value       = aws_appautoscaling_target.this.id
}

output "wake_alarm_name" {
  description = "Alarm that starts the first instance; null where there is always one."
  value       = one(aws_cloudwatch_metric_alarm.wake[*].alarm_name)
}
