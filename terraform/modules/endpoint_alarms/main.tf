locals {
  actions = var.topic_arn[*]

  # An alarm that is off has no instances.
  variants_with = {
    model_errors = var.alarms.model_error_percent == 0 ? [] : var.variants
    latency      = var.alarms.latency_p99_ms == 0 ? [] : var.variants
    memory       = var.alarms.memory_percent == 0 ? [] : var.variants
    no_traffic   = var.alarms.no_traffic_minutes == 0 ? [] : var.variants
  }
}

# SageMaker publishes 1 for each request that failed and 0 for each that did not, so the average is the rate.
resource "aws_cloudwatch_metric_alarm" "server_errors" {
  for_each = var.variants

  alarm_name          = "${var.endpoint_name}-${each.key}-server-errors"
  alarm_description   = "More than ${var.alarms.server_error_percent} % of the requests to variant ${each.key} of ${var.endpoint_name} ended in a 5XX answer. Rolls back a running update."
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocation5XXErrors"
  dimensions          = { EndpointName = var.endpoint_name, VariantName = each.key }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.server_error_percent / 100
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "model_errors" {
  for_each = local.variants_with.model_errors

  alarm_name          = "${var.endpoint_name}-${each.key}-model-errors"
  alarm_description   = "More than ${var.alarms.model_error_percent} % of the requests to variant ${each.key} of ${var.endpoint_name} got an answer from a container that is not 2XX: look at its log for the reason."
  namespace           = "AWS/SageMaker"
  metric_name         = "InvocationModelErrors"
  dimensions          = { EndpointName = var.endpoint_name, VariantName = each.key }
  statistic           = "Average"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.model_error_percent / 100
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "latency" {
  for_each = local.variants_with.latency

  alarm_name          = "${var.endpoint_name}-${each.key}-latency-p99"
  alarm_description   = "One request in a hundred to variant ${each.key} of ${var.endpoint_name} waits more than ${var.alarms.latency_p99_ms} ms for its container. Rolls back a running update."
  namespace           = "AWS/SageMaker"
  metric_name         = "ModelLatency"
  dimensions          = { EndpointName = var.endpoint_name, VariantName = each.key }
  extended_statistic  = "p99"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.latency_p99_ms * 1000 # ModelLatency counts microseconds
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  # Of a handful of requests the 99th percentile is the slowest one, which says little.
  evaluate_low_sample_count_percentiles = "ignore"
}

resource "aws_cloudwatch_metric_alarm" "memory" {
  for_each = local.variants_with.memory

  alarm_name          = "${var.endpoint_name}-${each.key}-memory"
  alarm_description   = "An instance of variant ${each.key} of ${var.endpoint_name} uses more than ${var.alarms.memory_percent} % of its memory: choose a larger instance_type or fewer containers."
  namespace           = "/aws/sagemaker/Endpoints"
  metric_name         = "MemoryUtilization"
  dimensions          = { EndpointName = var.endpoint_name, VariantName = each.key }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.memory_percent
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "missing"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

# SageMaker publishes nothing while nobody calls, so here, and only here, missing data is the alarm.
resource "aws_cloudwatch_metric_alarm" "no_traffic" {
  for_each = local.variants_with.no_traffic

  alarm_name          = "${var.endpoint_name}-${each.key}-no-traffic"
  alarm_description   = "Variant ${each.key} of ${var.endpoint_name} has had no request for ${var.alarms.no_traffic_minutes} minutes: are its callers well?"
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocations"
  dimensions          = { EndpointName = var.endpoint_name, VariantName = each.key }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = var.alarms.no_traffic_minutes
  treat_missing_data  = "breaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}
