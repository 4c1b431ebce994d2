mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  endpoint_name  = "serving-test-image-segmentation"
  variant_name   = "blue"
  instance_type  = "ml.m5.large"
  instance_count = 1
  autoscaling    = { min = 0, max = 3, backlog_per_instance = 5 }
}

run "tracks_the_backlog_and_goes_down_to_zero" {
  module {
    source = "./modules/async_autoscaling"
  }

  assert {
    condition = (
      output.resource_id == "endpoint/serving-test-image-segmentation/variant/blue" &&
      aws_appautoscaling_target.this.scalable_dimension == "sagemaker:variant:DesiredInstanceCount" &&
      aws_appautoscaling_target.this.min_capacity == 0 &&
      aws_appautoscaling_target.this.max_capacity == 3
    )
    error_message = "The variant must be registered with a minimum of zero."
  }

  assert {
    condition = (
      aws_appautoscaling_policy.backlog.policy_type == "TargetTrackingScaling" &&
      aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].target_value == 5 &&
      aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].scale_out_cooldown == 60 &&
      aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].scale_in_cooldown == 300
    )
    error_message = "The policy must aim for the given backlog an instance."
  }

  assert {
    condition = one([for metric in aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].customized_metric_specification :
      "${metric.namespace} ${metric.metric_name} ${metric.statistic} ${join(",", [for d in metric.dimensions : "${d.name}=${d.value}"])}"
    ]) == "AWS/SageMaker ApproximateBacklogSizePerInstance Average EndpointName=serving-test-image-segmentation"
    error_message = "The metric must be the endpoint's backlog: an asynchronous endpoint publishes no Invocations."
  }
}

run "an_alarm_starts_the_first_instance" {
  module {
    source = "./modules/async_autoscaling"
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.wake[0].metric_name == "HasBacklogWithoutCapacity" &&
      aws_cloudwatch_metric_alarm.wake[0].dimensions == tomap({ EndpointName = "serving-test-image-segmentation" }) &&
      aws_cloudwatch_metric_alarm.wake[0].comparison_operator == "GreaterThanOrEqualToThreshold" &&
      aws_cloudwatch_metric_alarm.wake[0].threshold == 1 &&
      aws_cloudwatch_metric_alarm.wake[0].period == 60 &&
      aws_cloudwatch_metric_alarm.wake[0].evaluation_periods == 2 &&
      aws_cloudwatch_metric_alarm.wake[0].treat_missing_data == "missing"
    )
    error_message = "Two minutes with a backlog and no instance must set the alarm off."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.wake[0].alarm_actions == toset([aws_appautoscaling_policy.wake[0].arn]) &&
      aws_appautoscaling_policy.wake[0].policy_type == "StepScaling" &&
      aws_appautoscaling_policy.wake[0].step_scaling_policy_configuration[0].adjustment_type == "ChangeInCapacity" &&
      tonumber(aws_appautoscaling_policy.wake[0].step_scaling_policy_configuration[0].cooldown) == 300 &&
      [for step in aws_appautoscaling_policy.wake[0].step_scaling_policy_configuration[0].step_adjustment : [step.metric_interval_lower_bound, step.scaling_adjustment]] == [["0", 1]]
    )
    error_message = "The alarm must add one instance."
  }
}

run "another_instance_type_replaces_the_target" {
  module {
    source = "./modules/async_autoscaling"
  }

  variables {
    instance_type = "ml.m5.xlarge"
  }

  assert {
    condition     = output.target_id != run.tracks_the_backlog_and_goes_down_to_zero.target_id
    error_message = "SageMaker refuses to change the instance type of a registered variant, so it must be registered anew."
  }
}

run "what_never_sleeps_needs_no_waking" {
  command = plan

  module {
    source = "./modules/async_autoscaling"
  }

  variables {
    autoscaling = { min = 1, max = 3, backlog_per_instance = 5 }
  }

  assert {
    condition     = length(aws_appautoscaling_policy.wake) == 0 && length(aws_cloudwatch_metric_alarm.wake) == 0 && output.wake_alarm_name == null
    error_message = "With at least one instance there is nothing to wake."
  }
}

run "refuses_to_start_with_no_instance" {
  command = plan

  module {
    source = "./modules/async_autoscaling"
  }

  variables {
    instance_count = 0
  }

  expect_failures = [var.instance_count]
}
