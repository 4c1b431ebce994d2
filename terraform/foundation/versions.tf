terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # The foundation makes the bucket that every other state lives in, so its own state is a file
  # (`-backend-config=path=…` says where). docs/terraform.md shows how to keep a copy of it in the bucket.
  backend "local" {}
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.allowed_account_ids

  # Against the local cloud (AWS_ENDPOINT_URL is set) buckets have no host names of their own and the
  # credentials are placeholders; in an account of yours all four stay off.
  s3_use_path_style           = local.is_local
  skip_credentials_validation = local.is_local
  skip_metadata_api_check     = local.is_local
  skip_region_validation      = local.is_local

  default_tags {
    tags = merge(
      {
        Project     = "serving-platform"
        Environment = var.environment
        ManagedBy   = "terraform"
      },
      var.tags,
    )
  }
}
