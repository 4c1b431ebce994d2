mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name = "serving-test-sentiment"
  topic_arn     = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
}

run "watches_errors_concurrency_cold_starts_and_memory" {
  command = plan

  module {
    source = "./modules/serverless_alarms"
  }

  assert {
    condition     = output.names == tolist([for alarm in ["concurrency", "memory", "server-errors", "setup-time"] : "serving-test-sentiment-${alarm}"])
    error_message = "What goes wrong with serverless endpoints must be told of."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.metric_name, alarm.statistic, alarm.threshold] } == {
      server-errors = ["Invocation5XXErrors", "Average", 0.05]
      concurrency   = ["ServerlessConcurrentExecutionsUtilization", "Maximum", 0.9]
      setup-time    = ["ModelSetupTime", "Maximum", 60000000]
      memory        = ["MemoryUtilization", "Maximum", 90]
    }
    error_message = "Rates are averages, shares lie between 0 and 1, and SageMaker counts in microseconds."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.dimensions == tomap({ EndpointName = "serving-test-sentiment", VariantName = "blue" }) && alarm.alarm_actions == toset([var.topic_arn]) && alarm.ok_actions == toset([var.topic_arn])])
    error_message = "The topic must be told of both ends of an alarm."
  }
}

run "takes_other_thresholds_and_fewer_alarms" {
  command = plan

  module {
    source = "./modules/serverless_alarms"
  }

  variables {
    topic_arn = null
    alarms    = { server_error_percent = 0, concurrency_percent = 0, setup_ms = 0, memory_percent = 0, latency_p99_ms = 500, spillovers = 10 }
  }

  assert {
    condition     = output.names == tolist(["serving-test-sentiment-latency-p99", "serving-test-sentiment-spillovers"]) && aws_cloudwatch_metric_alarm.this["latency-p99"].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.this["latency-p99"].threshold == 500000 && length(aws_cloudwatch_metric_alarm.this["spillovers"].alarm_actions) == 0
    error_message = "0 must turn an alarm off; without a topic nobody can be told."
  }
}

run "refuses_what_can_never_happen" {
  command = plan

  module {
    source = "./modules/serverless_alarms"
  }

  variables {
    alarms = { concurrency_percent = 100, setup_ms = 180001, periods_to_alarm = 2 }
  }

  expect_failures = [var.alarms]
}
