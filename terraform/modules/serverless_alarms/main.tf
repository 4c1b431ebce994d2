locals {
  actions    = var.topic_arn[*]
  dimensions = { EndpointName = var.endpoint_name, VariantName = var.variant_name }

  # An alarm whose threshold is 0 is off and has no instance. SageMaker publishes of a serverless endpoint the metrics named
  # here, Invocations, Invocation4XXErrors, ModelLatency, and no others (SageMaker guide, "Alarms and logs for tracking metrics
  # from serverless endpoints"): what is throttled is not among them, so the concurrency is watched instead.
  alarms = { for name, alarm in {
    server-errors = {
      namespace   = "AWS/SageMaker"
      metric      = "Invocation5XXErrors" # 1 for each answer that is 5XX, 0 for each that is not: the average is the rate
      statistic   = "Average"
      threshold   = var.alarms.server_error_percent / 100
      missing     = "notBreaching"
      description = "More than ${var.alarms.server_error_percent} % of the requests to ${var.endpoint_name} got a 5XX answer from the container: look at its log for the reason."
    }
    concurrency = {
      namespace   = "AWS/SageMaker"
      metric      = "ServerlessConcurrentExecutionsUtilization"
      statistic   = "Maximum"
      threshold   = var.alarms.concurrency_percent / 100
      missing     = "notBreaching"
      description = "${var.endpoint_name} uses more than ${var.alarms.concurrency_percent} % of its max_concurrency; beyond it requests are throttled. Raise max_concurrency."
    }
    setup-time = {
      namespace   = "AWS/SageMaker"
      metric      = "ModelSetupTime"
      statistic   = "Maximum"
      threshold   = var.alarms.setup_ms * 1000 # the metric is in microseconds
      missing     = "notBreaching"
      description = "A cold start of ${var.endpoint_name} took more than ${var.alarms.setup_ms} ms: take a smaller image or model, more memory_mb, or keep environments ready (provisioned_concurrency)."
    }
    latency-p99 = {
      namespace   = "AWS/SageMaker"
      metric      = "ModelLatency"
      statistic   = "p99"
      threshold   = var.alarms.latency_p99_ms * 1000
      missing     = "notBreaching"
      description = "One in a hundred requests to ${var.endpoint_name} takes more than ${var.alarms.latency_p99_ms} ms: raise memory_mb, which brings processors."
    }
    spillovers = {
      namespace   = "AWS/SageMaker"
      metric      = "ServerlessProvisionedConcurrencySpilloverInvocations"
      statistic   = "Sum"
      threshold   = var.alarms.spillovers
      missing     = "notBreaching"
      description = "More than ${var.alarms.spillovers} requests to ${var.endpoint_name} found no provisioned environment free and may have started cold: raise provisioned_concurrency or autoscaling.max."
    }
    memory = {
      namespace   = "/aws/sagemaker/Endpoints"
      metric      = "MemoryUtilization"
      statistic   = "Maximum"
      threshold   = var.alarms.memory_percent
      missing     = "missing"
      description = "An environment of ${var.endpoint_name} uses more than ${var.alarms.memory_percent} % of its memory: raise memory_mb."
    }
  } : name => alarm if alarm.threshold > 0 }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.endpoint_name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = local.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = each.value.missing
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}
