# Made with the alias and removed with it or by hand of a person; in between, the number belongs to Application Auto Scaling,
# whether it varies or not. So a plan does not undo what was scaled, a change of tfvars from a fixed number to a varying one
# replaces nothing, and a new number is not refused while Lambda still moves environments to a new version ("Alias with weights
# can not be used with Provisioned Concurrency").
resource "aws_lambda_provisioned_concurrency_config" "this" {
  function_name                     = var.function_name
  qualifier                         = var.qualifier
  provisioned_concurrent_executions = var.provisioned_concurrency

  lifecycle {
    ignore_changes = [provisioned_concurrent_executions]
  }
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "lambda"
  scalable_dimension = "lambda:function:ProvisionedConcurrency"
  resource_id        = "function:${var.function_name}:${var.qualifier}"
  min_capacity       = try(var.autoscaling.min, var.provisioned_concurrency) # without autoscaling the number itself
  max_capacity       = try(var.autoscaling.max, var.provisioned_concurrency)
  tags               = var.tags

  depends_on = [aws_lambda_provisioned_concurrency_config.this]
}

resource "aws_appautoscaling_policy" "this" {
  count = var.autoscaling == null ? 0 : 1

  name               = "provisioned-concurrency-utilization"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.autoscaling.utilization
    scale_in_cooldown  = var.autoscaling.scale_in_cooldown_seconds
    scale_out_cooldown = var.autoscaling.scale_out_cooldown_seconds

    predefined_metric_specification {
      predefined_metric_type = "LambdaProvisionedConcurrencyUtilization"
    }
  }

  # Deregistering a target deletes its policies with it.
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this.id]
  }
}
