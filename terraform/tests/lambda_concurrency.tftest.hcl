mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  function_name           = "serving-test-object-detection"
  qualifier               = "live"
  provisioned_concurrency = 2
}

run "keeps_a_fixed_number_of_environments_ready" {
  command = plan

  module {
    source = "./modules/lambda_concurrency"
  }

  assert {
    condition     = aws_lambda_provisioned_concurrency_config.this.qualifier == "live" && aws_lambda_provisioned_concurrency_config.this.provisioned_concurrent_executions == 2
    error_message = "The alias must begin with that number."
  }

  assert {
    condition     = aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 2 && length(aws_appautoscaling_policy.this) == 0
    error_message = "A fixed number is one that may not vary."
  }
}

run "scales_by_the_share_that_is_busy" {
  command = plan

  module {
    source = "./modules/lambda_concurrency"
  }

  variables {
    autoscaling = { min = 2, max = 10 }
  }

  assert {
    condition     = aws_appautoscaling_target.this.service_namespace == "lambda" && aws_appautoscaling_target.this.scalable_dimension == "lambda:function:ProvisionedConcurrency" && output.resource_id == "function:serving-test-object-detection:live" && aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 10
    error_message = "The alias must be registered with its limits."
  }

  assert {
    condition     = aws_appautoscaling_policy.this[0].policy_type == "TargetTrackingScaling" && aws_appautoscaling_policy.this[0].target_tracking_scaling_policy_configuration[0].target_value == 0.7 && one(aws_appautoscaling_policy.this[0].target_tracking_scaling_policy_configuration[0].predefined_metric_specification).predefined_metric_type == "LambdaProvisionedConcurrencyUtilization"
    error_message = "Seven in ten environments must be busy."
  }
}

run "leaves_a_reserved_environment_for_the_probe" {
  command = plan

  module {
    source = "./modules/lambda_concurrency"
  }

  variables {
    reserved_concurrency    = 3
    provisioned_concurrency = 3
  }

  expect_failures = [var.provisioned_concurrency]
}

run "refuses_more_than_is_reserved" {
  command = plan

  module {
    source = "./modules/lambda_concurrency"
  }

  variables {
    reserved_concurrency = 5
    autoscaling          = { min = 2, max = 10 }
  }

  expect_failures = [var.provisioned_concurrency]
}
