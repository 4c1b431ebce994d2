# Reads what a person edits, so that the tests plan exactly that.

terraform {
  required_version = ">= 1.11"

  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

variable "environment" {
  description = "Folder under envs."
  type        = string
}

output "values" {
  description = "Contents of that environment's terraform.tfvars."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../envs/${var.environment}/terraform.tfvars"))
}
