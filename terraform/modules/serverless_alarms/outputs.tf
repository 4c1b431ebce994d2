output "names" {
  description = "Names of all alarms."
  value       = sort(values(aws_cloudwatch_metric_alarm.this)[*].alarm_name)
}
