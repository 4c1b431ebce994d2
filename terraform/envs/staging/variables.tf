variable "environment" {
  description = "Environment: part of every name, and of the SSM parameters /serving/<environment>/…"
  type        = string
  nullable    = false
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "ap-northeast-2"
  nullable    = false
}

# Types and rules of the next five stand in one place, terraform/modules/serving/variables.tf and variables_serverless.tf.

variable "endpoints" {
  description = "Key => endpoint: what terraform.tfvars says."
  type        = any
  nullable    = false
}

variable "async_endpoints" {
  description = "Key => asynchronous endpoint: what terraform.tfvars says."
  type        = any
  default     = {}
  nullable    = false
}

variable "serverless_endpoints" {
  description = "Key => serverless endpoint: what terraform.tfvars says."
  type        = any
  default     = {}
  nullable    = false
}

variable "functions" {
  description = "Key => Lambda function: what terraform.tfvars says."
  type        = any
  default     = {}
  nullable    = false
}

variable "release" {
  description = "Image digests and model archives: what `invoke release` writes to release.auto.tfvars.json."
  type        = any
  default     = null
}

variable "log_retention_days" {
  description = "How long the containers' logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "alarm_emails" {
  description = "Addresses that are told of alarms; each has to confirm once."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "allowed_account_ids" {
  description = "Accounts this may be applied to; any other one is refused before anything is read. Null: no check."
  type        = set(string)
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where the account demands one."
  type        = string
  default     = null
}
