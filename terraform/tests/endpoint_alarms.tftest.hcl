mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name = "serving-test-korean-nlp"
  variants      = ["blue", "green"]
  topic_arn     = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
}

run "watches_errors_and_latency_of_every_variant" {
  command = plan

  module {
    source = "./modules/endpoint_alarms"
  }

  assert {
    condition = toset(output.rollback_alarm_names) == toset([
      "serving-test-korean-nlp-blue-server-errors",
      "serving-test-korean-nlp-green-server-errors",
      "serving-test-korean-nlp-blue-latency-p99",
      "serving-test-korean-nlp-green-latency-p99",
    ])
    error_message = "Server errors and latency of every variant must be able to roll an update back."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.server_errors["blue"].metric_name == "Invocation5XXErrors" &&
      aws_cloudwatch_metric_alarm.server_errors["blue"].statistic == "Average" &&
      aws_cloudwatch_metric_alarm.server_errors["blue"].threshold == 0.01 &&
      aws_cloudwatch_metric_alarm.server_errors["blue"].dimensions == tomap({ EndpointName = "serving-test-korean-nlp", VariantName = "blue" })
    )
    error_message = "One percent of 5XX answers is an average of 0.01 in SageMaker's metric."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.latency["green"].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.latency["green"].threshold == 1000000
    error_message = "ModelLatency counts microseconds: 1000 ms are 1000000."
  }

  assert {
    condition = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.server_errors), values(aws_cloudwatch_metric_alarm.model_errors), values(aws_cloudwatch_metric_alarm.latency)) :
      alarm.treat_missing_data == "notBreaching" && alarm.alarm_actions == toset([var.topic_arn]) && alarm.ok_actions == toset([var.topic_arn])
    ])
    error_message = "Silence is no error, and the topic must be told of both ends of an alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.memory) == 0 && length(aws_cloudwatch_metric_alarm.no_traffic) == 0
    error_message = "Alarms that were not asked for must not be made."
  }
}

run "takes_other_thresholds_and_more_or_fewer_alarms" {
  command = plan

  module {
    source = "./modules/endpoint_alarms"
  }

  variables {
    topic_arn = null
    alarms    = { server_error_percent = 5, model_error_percent = 0, latency_p99_ms = 0, memory_percent = 90, no_traffic_minutes = 30 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.model_errors) == 0 && length(aws_cloudwatch_metric_alarm.latency) == 0
    error_message = "0 must turn an alarm off."
  }

  assert {
    condition     = toset(output.rollback_alarm_names) == toset(["serving-test-korean-nlp-blue-server-errors", "serving-test-korean-nlp-green-server-errors"])
    error_message = "What is off cannot roll back."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.memory["blue"].namespace == "/aws/sagemaker/Endpoints" && aws_cloudwatch_metric_alarm.memory["blue"].threshold == 90
    error_message = "Memory is a metric of the instances."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.no_traffic["blue"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.no_traffic["blue"].evaluation_periods == 30
    error_message = "Without callers there is no metric: missing data must be the alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.server_errors["blue"].alarm_actions) == 0
    error_message = "Without a topic nobody can be told."
  }
}

run "refuses_to_turn_the_rollback_alarm_off" {
  command = plan

  module {
    source = "./modules/endpoint_alarms"
  }

  variables {
    alarms = { server_error_percent = 0 }
  }

  expect_failures = [var.alarms]
}
