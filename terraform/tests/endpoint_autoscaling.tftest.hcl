mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  endpoint_name = "serving-test-korean-nlp"
  autoscaling   = { min = 1, max = 4, invocations_per_instance = 600 }

  variants = {
    control   = { instance_type = "ml.m5.large", instance_count = 1 }
    candidate = { instance_type = "ml.c6i.large", instance_count = 2 }
  }
}

run "every_variant_tracks_its_invocations_per_instance" {
  module {
    source = "./modules/endpoint_autoscaling"
  }

  assert {
    condition = { for variant, target in aws_appautoscaling_target.this : variant => [target.resource_id, target.min_capacity, target.max_capacity] } == {
      control   = ["endpoint/serving-test-korean-nlp/variant/control", 1, 4]
      candidate = ["endpoint/serving-test-korean-nlp/variant/candidate", 1, 4]
    }
    error_message = "Each variant must be registered under its own resource id."
  }

  assert {
    condition = alltrue([for policy in aws_appautoscaling_policy.this : (
      policy.policy_type == "TargetTrackingScaling" &&
      policy.target_tracking_scaling_policy_configuration[0].target_value == 600 &&
      policy.target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "SageMakerVariantInvocationsPerInstance"
    )])
    error_message = "Policies must aim for the given number of invocations an instance."
  }

  assert {
    condition = alltrue([for policy in aws_appautoscaling_policy.this : (
      policy.target_tracking_scaling_policy_configuration[0].scale_out_cooldown == 60 &&
      policy.target_tracking_scaling_policy_configuration[0].scale_in_cooldown == 300
    )])
    error_message = "Scaling out must be quicker than scaling in."
  }
}

run "another_instance_type_replaces_the_target" {
  module {
    source = "./modules/endpoint_autoscaling"
  }

  variables {
    variants = {
      control   = { instance_type = "ml.m5.xlarge", instance_count = 1 }
      candidate = { instance_type = "ml.c6i.large", instance_count = 2 }
    }
  }

  assert {
    condition     = output.target_ids["control"] != run.every_variant_tracks_its_invocations_per_instance.target_ids["control"]
    error_message = "SageMaker refuses to change the instance type of a registered variant, so it must be registered anew."
  }

  assert {
    condition     = output.target_ids["candidate"] == run.every_variant_tracks_its_invocations_per_instance.target_ids["candidate"]
    error_message = "A variant whose instances stay must stay registered."
  }
}

run "refuses_a_count_outside_the_limits" {
  command = plan

  module {
    source = "./modules/endpoint_autoscaling"
  }

  variables {
    variants = { blue = { instance_type = "ml.m5.large", instance_count = 5 } }
  }

  expect_failures = [var.variants]
}
