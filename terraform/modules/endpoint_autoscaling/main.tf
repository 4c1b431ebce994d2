# SageMaker refuses to change the instance type of a variant that is registered for scaling. A new instance type
# therefore replaces the target: Terraform destroys it before it makes the new endpoint configuration, on which the
# target depends through the endpoint, and registers it again after the update.
resource "terraform_data" "instance_type" {
  for_each = var.variants

  input = each.value.instance_type
}

resource "aws_appautoscaling_target" "this" {
  for_each = var.variants

  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${var.endpoint_name}/variant/${each.key}"
  min_capacity       = var.autoscaling.min
  max_capacity       = var.autoscaling.max
  tags               = var.tags

  lifecycle {
    replace_triggered_by = [terraform_data.instance_type[each.key]]
  }
}

resource "aws_appautoscaling_policy" "this" {
  for_each = aws_appautoscaling_target.this

  name               = "invocations-per-instance"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscaling.invocations_per_instance
    scale_in_cooldown  = var.autoscaling.scale_in_cooldown_seconds
    scale_out_cooldown = var.autoscaling.scale_out_cooldown_seconds

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }

  # Deregistering a target deletes its policies with it.
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this[each.key].id]
  }
}
