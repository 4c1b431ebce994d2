data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  is_local = var.environment == "local"

  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  repositories = {
    for image, repository in aws_ecr_repository.this : image => {
      name = repository.name
      url  = repository.repository_url
      arn  = repository.arn
    }
  }
}

resource "aws_ssm_parameter" "foundation" {
  name        = "/serving/${var.environment}/foundation"
  description = "What the foundation made: read by terraform/envs/${var.environment} and by the delivery tasks."
  type        = "String"

  # Nothing in it is secret, so plans may show it.
  insecure_value = jsonencode({
    artifact_bucket = aws_s3_bucket.this["artifacts"].bucket
    data_bucket     = aws_s3_bucket.this["data"].bucket
    kms_key_arn     = aws_kms_key.this.arn
    repositories    = local.repositories
  })
}
