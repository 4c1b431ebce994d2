output "rollback_alarm_names" {
  description = "Alarms that should roll an update back: server errors and latency of every variant."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.server_errors : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.latency : alarm.alarm_name],
  )
}

output "arns" {
  description = "ARNs of all alarms."
  value = [
    for alarm in concat(
      values(aws_cloudwatch_metric_alarm.server_errors),
      values(aws_cloudwatch_metric_alarm.model_errors),
      values(aws_cloudwatch_metric_alarm.latency),
      values(aws_cloudwatch_metric_alarm.memory),
      values(aws_cloudwatch_metric_alarm.no_traffic),
    ) : alarm.arn
  ]
}
