terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Where the file lies comes from -backend-config=path=…: it goes away together with the local cloud.
  backend "local" {}
}

# No endpoints and no keys here: AWS_ENDPOINT_URL and the placeholder credentials come from the environment.
provider "aws" {
  region                      = var.region
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

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
  log_retention_days              = var.log_retention_days
}
