output "names" {
  description = "Names of all alarms."
  value = sort([
    for alarm in concat(
      aws_cloudwatch_metric_alarm.errors,
      values(aws_cloudwatch_metric_alarm.count),
      aws_cloudwatch_metric_alarm.duration,
      aws_cloudwatch_metric_alarm.event_age,
      values(aws_cloudwatch_metric_alarm.waiting_failures),
      aws_cloudwatch_metric_alarm.init,
    ) : alarm.alarm_name
  ])
}
