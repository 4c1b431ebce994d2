mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  function_name   = "serving-test-object-detection"
  timeout_seconds = 60
  log_group       = "/aws/lambda/serving-test-object-detection"
  queue_names     = ["serving-test-object-detection-failures"]
  topic_arn       = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
}

run "watches_errors_time_throttles_and_lost_events" {
  command = plan

  module {
    source = "./modules/lambda_alarms"
  }

  assert {
    condition     = output.names == tolist([for alarm in ["dropped-events", "duration", "errors", "event-age", "failures-waiting", "init", "lost-failures", "throttles"] : "serving-test-object-detection-${alarm}"])
    error_message = "What goes wrong with functions must be told of."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.errors[0].threshold == 5 && [for query in aws_cloudwatch_metric_alarm.errors[0].metric_query : query.expression if query.return_data == true] == ["IF(FILL(errors, 0) >= 3, 100 * FILL(errors, 0) / MAX([FILL(errors, 0), FILL(invocations, 0)]), 0)"] && { for query in aws_cloudwatch_metric_alarm.errors[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0 } == { errors = "Errors", invocations = "Invocations" }
    error_message = "Errors must be counted in percent of the invocations, and a single one must not be 100 %."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.count["throttles"].dimensions == tomap({ FunctionName = "serving-test-object-detection", Resource = "serving-test-object-detection:live" }) && aws_cloudwatch_metric_alarm.duration[0].dimensions == aws_cloudwatch_metric_alarm.count["throttles"].dimensions
    error_message = "Calls through the alias must be watched: the probe of a version that is not live is none of them."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.duration[0].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.duration[0].threshold == 48000
    error_message = "Four fifths of a timeout of a minute are 48,000 ms."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.event_age[0].threshold == 3600000 && aws_cloudwatch_metric_alarm.waiting_failures["serving-test-object-detection-failures"].metric_name == "ApproximateNumberOfMessagesVisible"
    error_message = "An old event, and a failure that nobody looks at, must be told of."
  }

  assert {
    condition     = startswith(aws_cloudwatch_log_metric_filter.init["init-duration"].pattern, "[report=REPORT, ") && startswith(aws_cloudwatch_log_metric_filter.init["failed-init-duration"].pattern, "[report=INIT_REPORT, ")
    error_message = "The time of cold starts must be read from the REPORT lines, that of those that failed from their own."
  }

  assert {
    condition = alltrue([for filter in values(aws_cloudwatch_log_metric_filter.init) :
      filter.log_group_name == "/aws/lambda/serving-test-object-detection" && one(filter.metric_transformation).value == "$init" && one(filter.metric_transformation).name == "InitDuration" && one(filter.metric_transformation).namespace == aws_cloudwatch_metric_alarm.init[0].namespace
    ]) && aws_cloudwatch_metric_alarm.init[0].metric_name == "InitDuration" && aws_cloudwatch_metric_alarm.init[0].threshold == 8000
    error_message = "Both must feed the metric that the alarm watches."
  }

  assert {
    condition = alltrue([for alarm in concat(aws_cloudwatch_metric_alarm.errors, values(aws_cloudwatch_metric_alarm.count), aws_cloudwatch_metric_alarm.duration, aws_cloudwatch_metric_alarm.init) :
      alarm.treat_missing_data == "notBreaching" && alarm.alarm_actions == toset([var.topic_arn]) && alarm.ok_actions == toset([var.topic_arn])
    ])
    error_message = "Silence is no failure, and the topic must be told of both ends of an alarm."
  }
}

run "reads_cold_starts_from_json_too" {
  command = plan

  module {
    source = "./modules/lambda_alarms"
  }

  variables {
    log_format = "JSON"
  }

  assert {
    condition     = aws_cloudwatch_log_metric_filter.init["init-duration"].pattern == "{ $.type = \"platform.report\" && $.record.metrics.initDurationMs = * }" && one(aws_cloudwatch_log_metric_filter.init["init-duration"].metric_transformation).value == "$.record.metrics.initDurationMs"
    error_message = "JSON lines have a form of their own."
  }

  assert {
    condition     = aws_cloudwatch_log_metric_filter.init["failed-init-duration"].pattern == "{ $.type = \"platform.initReport\" && $.record.status != \"success\" }" && one(aws_cloudwatch_log_metric_filter.init["failed-init-duration"].metric_transformation).value == "$.record.metrics.durationMs"
    error_message = "An init that failed has a line of its own."
  }
}

run "takes_other_thresholds_and_fewer_alarms" {
  command = plan

  module {
    source = "./modules/lambda_alarms"
  }

  variables {
    topic_arn         = null
    dead_letter_queue = true
    alarms            = { error_percent = 0, throttles = 0, spillovers = 10, duration_percent = 0, init_ms = 0, event_age_seconds = 0, dropped_events = 0, waiting_failures = 0 }
  }

  assert {
    condition     = output.names == tolist(["serving-test-object-detection-lost-dead-letters", "serving-test-object-detection-lost-failures", "serving-test-object-detection-spillovers"])
    error_message = "0 must turn an alarm off, and a dead-letter queue must bring one."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.count["lost-dead-letters"].dimensions == tomap({ FunctionName = "serving-test-object-detection" }) && length(aws_cloudwatch_log_metric_filter.init) == 0 && length(aws_cloudwatch_metric_alarm.count["spillovers"].alarm_actions) == 0
    error_message = "Dead letters are the function's; without a topic nobody can be told."
  }
}

run "refuses_an_alarm_on_lines_that_are_not_written" {
  command = plan

  module {
    source = "./modules/lambda_alarms"
  }

  variables {
    log_format   = "JSON"
    system_level = "WARN"
  }

  expect_failures = [var.alarms]
}
