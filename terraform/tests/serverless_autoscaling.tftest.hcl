mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name           = "serving-test-sentiment"
  max_concurrency         = 20
  provisioned_concurrency = 2
  autoscaling             = { min = 2, max = 10 }
}

run "scales_by_the_share_that_is_busy" {
  command = plan

  module {
    source = "./modules/serverless_autoscaling"
  }

  assert {
    condition     = aws_appautoscaling_target.this.service_namespace == "sagemaker" && aws_appautoscaling_target.this.scalable_dimension == "sagemaker:variant:DesiredProvisionedConcurrency" && output.resource_id == "endpoint/serving-test-sentiment/variant/blue" && aws_appautoscaling_target.this.min_capacity == 2 && aws_appautoscaling_target.this.max_capacity == 10
    error_message = "The variant must be registered with its limits."
  }

  assert {
    condition     = aws_appautoscaling_policy.this.policy_type == "TargetTrackingScaling" && aws_appautoscaling_policy.this.target_tracking_scaling_policy_configuration[0].target_value == 0.7 && one(aws_appautoscaling_policy.this.target_tracking_scaling_policy_configuration[0].predefined_metric_specification).predefined_metric_type == "SageMakerVariantProvisionedConcurrencyUtilization"
    error_message = "Seven in ten environments must be busy."
  }
}

run "refuses_more_than_the_endpoint_allows" {
  command = plan

  module {
    source = "./modules/serverless_autoscaling"
  }

  variables {
    provisioned_concurrency = 1
    autoscaling             = { min = 2, max = 21 }
  }

  expect_failures = [var.autoscaling]
}

run "refuses_to_start_outside_its_limits" {
  command = plan

  module {
    source = "./modules/serverless_autoscaling"
  }

  variables {
    provisioned_concurrency = 1
  }

  expect_failures = [var.provisioned_concurrency]
}
