terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Write here the bucket that `invoke foundation --env staging` printed as state_bucket. No `encrypt = true`: that asks for
  # S3's own keys (AES256), which the bucket refuses; an object that names no encryption gets the bucket's KMS key.
  backend "s3" {
    # bucket     = "serving-terraform-state-<account>-ap-northeast-2"
    key          = "serving/staging/terraform.tfstate"
    region       = "ap-northeast-2"
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = var.allowed_account_ids

  default_tags {
    tags = {
      Project     = "serving-platform"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}

module "serving" {
  source = "../../modules/serving"

  environment                     = var.environment
  endpoints                       = var.endpoints
  endpoints_as_written            = var.endpoints
  async_endpoints                 = var.async_endpoints
  async_endpoints_as_written      = var.async_endpoints
  serverless_endpoints            = var.serverless_endpoints
  serverless_endpoints_as_written = var.serverless_endpoints
  functions                       = var.functions
  functions_as_written            = var.functions
  release                         = var.release
  alarm_emails                    = var.alarm_emails
  log_retention_days              = var.log_retention_days
  permissions_boundary_arn        = var.permissions_boundary_arn
}
