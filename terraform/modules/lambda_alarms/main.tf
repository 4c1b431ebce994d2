locals {
  actions = var.topic_arn[*]

  # Of calls through the alias: the probe of a version that is not yet live is none of its business.
  dimensions = { FunctionName = var.function_name, Resource = "${var.function_name}:${var.qualifier}" }

  # An alarm on a count that is off (threshold 0) has no instance.
  counts = { for name, count in {
    throttles = {
      metric      = "Throttles"
      threshold   = var.alarms.throttles
      dimensions  = local.dimensions
      description = "requests were turned away: raise reserved_concurrency, or the account's quota of concurrent executions."
    }
    spillovers = {
      metric      = "ProvisionedConcurrencySpilloverInvocations"
      threshold   = var.alarms.spillovers
      dimensions  = local.dimensions
      description = "requests found no provisioned environment free and may have started cold: raise provisioned_concurrency or autoscaling.max."
    }
    dropped-events = {
      metric      = "AsyncEventsDropped"
      threshold   = var.alarms.dropped_events
      dimensions  = local.dimensions
      description = "events were given up, after their retries or for their age: the failure queue and the log say why."
    }
    lost-failures = {
      metric      = "DestinationDeliveryFailures"
      threshold   = var.alarms.lost_failures
      dimensions  = local.dimensions
      description = "records of failed events could not be sent and are lost: are the queue and the key still there, and may the role use them?"
    }
    lost-dead-letters = {
      metric      = "DeadLetterErrors"
      threshold   = var.dead_letter_queue ? var.alarms.lost_failures : 0
      dimensions  = { FunctionName = var.function_name } # of the function, as the queue is
      description = "failed events could not be sent to the dead-letter queue and are lost: are the queue and the key still there, and may the role use them?"
    }
  } : name => count if count.threshold > 0 }

  # Lambda publishes no metric of how long an init takes; its log says it, in the report of the invocation that began with a
  # cold start. That of an init which failed or took too long says nothing of it: such an init has a line of its own.
  init_metric = { namespace = "Serving/Lambda/${var.function_name}", name = "InitDuration" }

  init_filters = var.alarms.init_ms == 0 ? {} : {
    Text = {
      init-duration = {
        pattern = "[report=REPORT, request_label=\"RequestId:\", request_id, duration_label=\"Duration:\", duration, duration_unit=ms, billed_label=Billed, billed_label_2=\"Duration:\", billed, billed_unit=ms, memory_label=Memory, memory_label_2=\"Size:\", memory, memory_unit=MB, used_label=Max, used_label_2=Memory, used_label_3=\"Used:\", used, used_unit=MB, init_label=Init, init_label_2=\"Duration:\", init, init_unit=ms, ...]"
        value   = "$init"
      }
      failed-init-duration = {
        pattern = "[report=INIT_REPORT, init_label=Init, init_label_2=\"Duration:\", init, init_unit=ms, phase_label=\"Phase:\", phase, status_label=\"Status:\", status, ...]"
        value   = "$init"
      }
    }
    JSON = {
      init-duration = {
        pattern = "{ $.type = \"platform.report\" && $.record.metrics.initDurationMs = * }"
        value   = "$.record.metrics.initDurationMs"
      }
      failed-init-duration = {
        pattern = "{ $.type = \"platform.initReport\" && $.record.status != \"success\" }"
        value   = "$.record.metrics.durationMs"
      }
    }
  }[var.log_format]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  count = var.alarms.error_percent == 0 ? 0 : 1

  alarm_name          = "${var.function_name}-errors"
  alarm_description   = "At least ${var.alarms.errors_at_least}, and more than ${var.alarms.error_percent} %, of the invocations of ${var.function_name} failed: look at its log for the reason. If a canary or a new version does it, go back with canary = { stable_version = \"<version>\", weight = 0 }."
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.error_percent
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  metric_query {
    id          = "error_percent"
    label       = "Failed invocations (%)"
    expression  = "IF(FILL(errors, 0) >= ${var.alarms.errors_at_least}, 100 * FILL(errors, 0) / MAX([FILL(errors, 0), FILL(invocations, 0)]), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "Errors", invocations = "Invocations" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        dimensions  = local.dimensions
        stat        = "Sum"
        period      = var.alarms.period_seconds
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "count" {
  for_each = local.counts

  alarm_name          = "${var.function_name}-${each.key}"
  alarm_description   = "${var.function_name}: ${each.value.threshold} or more ${each.value.description}"
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
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

resource "aws_cloudwatch_metric_alarm" "duration" {
  count = var.alarms.duration_percent == 0 ? 0 : 1

  alarm_name          = "${var.function_name}-duration"
  alarm_description   = "One in a hundred invocations of ${var.function_name} takes more than ${var.alarms.duration_percent} % of its timeout (${var.timeout_seconds} s): raise memory_mb, which brings processors, or timeout_seconds."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = local.dimensions
  extended_statistic  = "p99"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.timeout_seconds * 1000 * var.alarms.duration_percent / 100
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "event_age" {
  count = var.alarms.event_age_seconds == 0 ? 0 : 1

  alarm_name          = "${var.function_name}-event-age"
  alarm_description   = "An event waited for ${var.function_name} for more than ${var.alarms.event_age_seconds} seconds: it fails and is tried again, or its concurrency does not suffice."
  namespace           = "AWS/Lambda"
  metric_name         = "AsyncEventAge"
  dimensions          = local.dimensions
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.event_age_seconds * 1000
  period              = var.alarms.period_seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "waiting_failures" {
  for_each = var.alarms.waiting_failures == 0 ? [] : var.queue_names

  alarm_name          = "${each.value}-waiting"
  alarm_description   = "${var.alarms.waiting_failures} or more failed events of ${var.function_name} wait in the queue ${each.value} for somebody to look at them: aws sqs receive-message."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.alarms.waiting_failures
  period              = var.alarms.period_seconds
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags
}

resource "aws_cloudwatch_log_metric_filter" "init" {
  for_each = local.init_filters

  name           = each.key
  log_group_name = var.log_group
  pattern        = each.value.pattern

  metric_transformation {
    namespace = local.init_metric.namespace
    name      = local.init_metric.name
    value     = each.value.value
    unit      = "Milliseconds"
  }
}

resource "aws_cloudwatch_metric_alarm" "init" {
  count = var.alarms.init_ms == 0 ? 0 : 1

  alarm_name          = "${var.function_name}-init"
  alarm_description   = "An execution environment of ${var.function_name} took more than ${var.alarms.init_ms} ms to start; after 10 s Lambda starts it once more, inside the request. Raise memory_mb, load less in the init, or keep environments ready (provisioned_concurrency)."
  namespace           = local.init_metric.namespace
  metric_name         = local.init_metric.name
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.init_ms
  period              = var.alarms.period_seconds
  evaluation_periods  = var.alarms.periods
  datapoints_to_alarm = var.alarms.periods_to_alarm
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
  tags                = var.tags

  depends_on = [aws_cloudwatch_log_metric_filter.init]
}
