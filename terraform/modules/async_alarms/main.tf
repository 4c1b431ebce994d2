locals {
  actions = var.topic_arn[*]

  variant_dimensions = { EndpointName = var.endpoint_name, VariantName = var.variant_name }

  # An alarm on a count that is off (threshold 0) has no instance.
  counts = { for name, count in {
    expired-requests = {
      metric      = "ExpiredRequests"
      threshold   = var.alarms.expired_requests
      description = "requests waited longer than their RequestTTLSeconds and were given up: is the endpoint too small, or has it no capacity?"
    }
    notification-failures = {
      metric      = "NotificationFailures"
      threshold   = var.alarms.notification_failures
      description = "notices could not be published, and their clients wait in vain: are the topics and the key still there, and may the execution role use them?"
    }
  } : name => count if count.threshold > 0 }
}

# SageMaker publishes 1 for each answer of the container that is 5XX and 0 for each that is not, so the average is the rate.
resource "aws_cloudwatch_metric_alarm" "server_errors" {
  alarm_name          = "${var.endpoint_name}-server-errors"
  alarm_description   = "More than ${var.alarms.server_error_percent} % of the requests to ${var.endpoint_name} got a 5XX answer from the container: look at its log for the reason. Rolls back a running update."
  namespace           = "AWS/SageMaker"
  metric_name         = "Invocation5XXErrors"
  dimensions          = local.variant_dimensions
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

# Failures of every kind: bad input, no access to S3, time-outs. AWS does not say whether a failed request also counts as
# processed, so the larger of both numbers is taken for the whole: never more than 100 %, never too little.
resource "aws_cloudwatch_metric_alarm" "failures" {
  count = var.alarms.failure_percent == 0 ? 0 : 1

  alarm_name          = "${var.endpoint_name}-failures"
  alarm_description   = "At least ${var.alarms.failures_at_least}, and more than ${var.alarms.failure_percent} %, of the requests to ${var.endpoint_name} failed: the failure objects say why. Rolls back a running update."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.failure_percent
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  metric_query {
    id          = "failed_percent"
    label       = "Failed requests (%)"
    expression  = "IF(FILL(failed, 0) >= ${var.alarms.failures_at_least}, 100 * FILL(failed, 0) / MAX([FILL(failed, 0), FILL(processed, 0)]), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "InvocationFailures", processed = "InvocationsProcessed" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/SageMaker"
        metric_name = metric_query.value
        dimensions  = local.variant_dimensions
        stat        = "Sum"
        period      = var.alarms.period_seconds
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "count" {
  for_each = local.counts

  alarm_name          = "${var.endpoint_name}-${each.key}"
  alarm_description   = "${var.endpoint_name}: ${each.value.threshold} or more ${each.value.description}"
  namespace           = "AWS/SageMaker"
  metric_name         = each.value.metric
  dimensions          = local.variant_dimensions
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = var.alarms.period_seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "oldest_request" {
  count = var.alarms.oldest_request_seconds == 0 ? 0 : 1

  alarm_name          = "${var.endpoint_name}-oldest-request"
  alarm_description   = "A request has been with ${var.endpoint_name} for more than ${var.alarms.oldest_request_seconds} seconds: raise autoscaling.max, or lower autoscaling.backlog_per_instance."
  namespace           = "AWS/SageMaker"
  metric_name         = "ApproximateAgeOfOldestRequest"
  dimensions          = { EndpointName = var.endpoint_name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.oldest_request_seconds
  period              = var.alarms.period_seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

# Two minutes of this wake an endpoint that sleeps; here it is so long that the waking itself must have failed.
resource "aws_cloudwatch_metric_alarm" "backlog_without_capacity" {
  count = var.alarms.backlog_without_capacity_minutes == 0 ? 0 : 1

  alarm_name          = "${var.endpoint_name}-backlog-without-capacity"
  alarm_description   = "Requests have waited for ${var.endpoint_name} for ${var.alarms.backlog_without_capacity_minutes} minutes, and it has no instance: do its containers start, is there a quota for its instance_type, do its scaling policies exist?"
  namespace           = "AWS/SageMaker"
  metric_name         = "HasBacklogWithoutCapacity"
  dimensions          = { EndpointName = var.endpoint_name }
  statistic           = "Minimum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = var.alarms.backlog_without_capacity_minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "memory" {
  count = var.alarms.memory_percent == 0 ? 0 : 1

  alarm_name          = "${var.endpoint_name}-memory"
  alarm_description   = "An instance of ${var.endpoint_name} uses more than ${var.alarms.memory_percent} % of its memory: choose a larger instance_type or fewer max_concurrent_invocations_per_instance."
  namespace           = "/aws/sagemaker/Endpoints"
  metric_name         = "MemoryUtilization"
  dimensions          = local.variant_dimensions
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
