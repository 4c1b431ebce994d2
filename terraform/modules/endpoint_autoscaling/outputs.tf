output "resource_ids" {
  description = "Variant => resource id in Application Auto Scaling."
  value       = { for variant, target in aws_appautoscaling_target.this : variant => target.resource_id }
}

output "target_ids" {
  description = "Variant => identity of its scaling target in Terraform; a new one means that it was registered anew."
  value       = { for variant, target in aws_appautoscaling_target.this : variant => target.id }
}
