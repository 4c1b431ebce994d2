output "resource_id" {
  description = "Resource id in Application Auto Scaling."
  value       = aws_appautoscaling_target.this.resource_id
}
