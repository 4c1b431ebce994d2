locals {
  # The wake-up is for an endpoint that may sleep.
  sleeps = var.autoscaling.min == 0
}

# SageMaker refuses to change the instance type of a variant that is registered for scaling. A new instance type
# therefore replaces the target, as in module endpoint_autoscaling.
resource "terraform_data" "instance_type" {
  input = var.instance_type
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${var.endpoint_name}/variant/${var.variant_name}"
  min_capacity       = var.autoscaling.min
  max_capacity       = var.autoscaling.max
  tags               = var.tags

  lifecycle {
    replace_triggered_by = [terraform_data.instance_type]
  }
}

# An asynchronous endpoint publishes no Invocations; what grows when it is too small is the backlog. An empty backlog is
# below every target, so this policy also brings the last instance down to `min`.
resource "aws_appautoscaling_policy" "backlog" {
  name               = "backlog-per-instance"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscaling.backlog_per_instance
    scale_in_cooldown  = var.autoscaling.scale_in_cooldown_seconds
    scale_out_cooldown = var.autoscaling.scale_out_cooldown_seconds

    customized_metric_specification {
      namespace   = "AWS/SageMaker"
      metric_name = "ApproximateBacklogSizePerInstance"
      statistic   = "Average"

      dimensions {
        name  = "EndpointName"
        value = var.endpoint_name
      }
    }
  }

  # Deregistering a target deletes its policies with it.
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this.id]
  }
}

# From zero, target tracking alone would wait until the backlog is larger than its target (SageMaker guide, "Autoscale an
# asynchronous endpoint"): one request could wait for ever. This policy starts one instance for it.
resource "aws_appautoscaling_policy" "wake" {
  count = local.sleeps ? 1 : 0

  name               = "wake-from-zero"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Average"
    cooldown                = var.autoscaling.wake_cooldown_seconds

    step_adjustment {
      metric_interval_lower_bound = 0
      scaling_adjustment          = 1
    }
  }

  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this.id]
  }
}

resource "aws_cloudwatch_metric_alarm" "wake" {
  count = local.sleeps ? 1 : 0

  alarm_name          = "${var.endpoint_name}-wake"
  alarm_description   = "Requests wait for ${var.endpoint_name}, which has no instance: starts one. Part of its autoscaling, no cause for worry."
  namespace           = "AWS/SageMaker"
  metric_name         = "HasBacklogWithoutCapacity"
  dimensions          = { EndpointName = var.endpoint_name }
  statistic           = "Average"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "missing"
  alarm_actions       = [aws_appautoscaling_policy.wake[0].arn]
  tags                = var.tags
}
