output "artifact_bucket" {
  description = "Bucket of the model archives."
  value       = aws_s3_bucket.this["artifacts"].bucket
}

output "data_bucket" {
  description = "Bucket of the requests and answers of asynchronous endpoints."
  value       = aws_s3_bucket.this["data"].bucket
}

output "state_bucket" {
  description = "Bucket of the Terraform state of the environments; null when state_bucket is false."
  value       = try(aws_s3_bucket.this["terraform-state"].bucket, null)
}

output "kms_key_arn" {
  description = "Key that encrypts archives, images, requests and answers, logs and notifications."
  value       = aws_kms_key.this.arn
}

output "repositories" {
  description = "Image name => its ECR repository: name, url, arn."
  value       = local.repositories
}

output "parameter" {
  description = "SSM parameter that publishes all of this."
  value       = aws_ssm_parameter.foundation.name
}
