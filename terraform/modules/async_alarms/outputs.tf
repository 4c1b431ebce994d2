output "rollback_alarm_names" {
  description = "Alarms that should roll an update back: server errors and failures."
  value       = concat([aws_cloudwatch_metric_alarm.server_errors.alarm_name], aws_cloudwatch_metric_alarm.failures[*].alarm_name)
}

output "arns" {
  description = "ARNs of all alarms."
  value = [
    for alarm in concat(
      [aws_cloudwatch_metric_alarm.server_errors],
      aws_cloudwatch_metric_alarm.failures,
      values(aws_cloudwatch_metric_alarm.count),
      aws_cloudwatch_metric_alarm.oldest_request,
      aws_cloudwatch_metric_alarm.backlog_without_capacity,
      aws_cloudwatch_metric_alarm.memory,
    ) : alarm.arn
  ]
}
