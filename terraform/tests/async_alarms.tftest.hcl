mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name = "serving-test-image-segmentation"
  variant_name  = "blue"
  topic_arn     = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
}

run "watches_errors_failures_age_and_capacity" {
  command = plan

  module {
    source = "./modules/async_alarms"
  }

  assert {
    condition     = output.rollback_alarm_names == ["serving-test-image-segmentation-server-errors", "serving-test-image-segmentation-failures"]
    error_message = "Server errors and failures must be able to roll an update back."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.server_errors.metric_name == "Invocation5XXErrors" && aws_cloudwatch_metric_alarm.server_errors.statistic == "Average" && aws_cloudwatch_metric_alarm.server_errors.threshold == 0.05
    error_message = "Five percent of 5XX answers is an average of 0.05 in SageMaker's metric."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.failures[0].threshold == 20 &&
      [for query in aws_cloudwatch_metric_alarm.failures[0].metric_query : query.expression if query.return_data == true] == ["IF(FILL(failed, 0) >= 3, 100 * FILL(failed, 0) / MAX([FILL(failed, 0), FILL(processed, 0)]), 0)"] &&
      { for query in aws_cloudwatch_metric_alarm.failures[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0 } == { failed = "InvocationFailures", processed = "InvocationsProcessed" }
    )
    error_message = "Failures must be counted in percent of what was processed, and a single one must not be 100 %."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.oldest_request[0].metric_name == "ApproximateAgeOfOldestRequest" &&
      aws_cloudwatch_metric_alarm.oldest_request[0].threshold == 1800 &&
      aws_cloudwatch_metric_alarm.oldest_request[0].dimensions == tomap({ EndpointName = "serving-test-image-segmentation" })
    )
    error_message = "The age of the oldest request is a metric of the endpoint, in seconds."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.backlog_without_capacity[0].metric_name == "HasBacklogWithoutCapacity" && aws_cloudwatch_metric_alarm.backlog_without_capacity[0].evaluation_periods == 20
    error_message = "Twenty minutes without capacity are more than waking takes."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.count : name => [alarm.metric_name, alarm.statistic, alarm.threshold] } == {
      expired-requests      = ["ExpiredRequests", "Sum", 1]
      notification-failures = ["NotificationFailures", "Sum", 1]
    }
    error_message = "A request given up and a notice lost must be told of."
  }

  assert {
    condition = alltrue([for alarm in concat([aws_cloudwatch_metric_alarm.server_errors], aws_cloudwatch_metric_alarm.failures, values(aws_cloudwatch_metric_alarm.count), aws_cloudwatch_metric_alarm.oldest_request, aws_cloudwatch_metric_alarm.backlog_without_capacity) :
      alarm.treat_missing_data == "notBreaching" && alarm.alarm_actions == toset([var.topic_arn]) && alarm.ok_actions == toset([var.topic_arn])
    ])
    error_message = "Silence is no failure, and the topic must be told of both ends of an alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.memory) == 0 && length(output.arns) == 6
    error_message = "Alarms that were not asked for must not be made."
  }
}

run "takes_other_thresholds_and_fewer_alarms" {
  command = plan

  module {
    source = "./modules/async_alarms"
  }

  variables {
    topic_arn = null
    alarms    = { server_error_percent = 1, failure_percent = 0, oldest_request_seconds = 0, backlog_without_capacity_minutes = 0, expired_requests = 0, notification_failures = 0, memory_percent = 90 }
  }

  assert {
    condition     = output.rollback_alarm_names == ["serving-test-image-segmentation-server-errors"] && length(output.arns) == 2
    error_message = "0 must turn an alarm off, and what is off cannot roll back."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.memory[0].namespace == "/aws/sagemaker/Endpoints" && length(aws_cloudwatch_metric_alarm.memory[0].alarm_actions) == 0
    error_message = "Memory is a metric of the instances; without a topic nobody can be told."
  }
}

run "refuses_to_turn_the_rollback_alarm_off" {
  command = plan

  module {
    source = "./modules/async_alarms"
  }

  variables {
    alarms = { server_error_percent = 0 }
  }

  expect_failures = [var.alarms]
}
