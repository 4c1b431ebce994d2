mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  function_name = "serving-test-object-detection"
  qualifier     = "live"
}

run "tries_events_as_often_and_as_long_as_lambda_does_unasked" {
  command = plan

  module {
    source = "./modules/lambda_events"
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.function_name == "serving-test-object-detection" && output.qualifier == "live" && aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    error_message = "Events sent to live must be tried twice more, for six hours."
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this.destination_config) == 0
    error_message = "There must be no destination that nobody asked for."
  }
}

run "failed_events_go_to_the_queue" {
  command = plan

  module {
    source = "./modules/lambda_events"
  }

  variables {
    events        = { retries = 0, max_age_seconds = 60 }
    failure_queue = { arn = "arn:aws:sqs:ap-northeast-2:123456789012:failures" }
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 60 && aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == "arn:aws:sqs:ap-northeast-2:123456789012:failures"
    error_message = "What was asked for must reach Lambda."
  }
}

run "refuses_what_lambda_would_refuse" {
  command = plan

  module {
    source = "./modules/lambda_events"
  }

  variables {
    events = { retries = 3 }
  }

  expect_failures = [var.events]
}
