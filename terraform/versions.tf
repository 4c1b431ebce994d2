# Nothing is deployed from this folder: it is where `terraform test` runs, over every module and the foundation at once.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}
