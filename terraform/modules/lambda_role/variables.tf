variable "name" {
  description = "Name of the role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits or the characters + = , . @ _ -: IAM allows no others in a role's name."
  }
}

variable "function_name" {
  description = "Function that runs under this role: it may write that function's log group and no other."
  type        = string
  nullable    = false
}

variable "queue_names" {
  description = "Queues of this account to which Lambda sends events that failed; names, because the role is made beside the queues."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.queue_names : can(regex("^[a-zA-Z0-9_-]{1,80}$", name))])
    error_message = "queue_names must hold names of SQS queues, not their ARNs or URLs, and no wildcard."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the function's environment and those queues; null: no key of yours is used."
  type        = string
  default     = null
}

variable "tracing" {
  description = "Whether the function sends traces to X-Ray."
  type        = bool
  default     = false
  nullable    = false
}

variable "vpc" {
  description = "Whether the function is attached to a VPC."
  type        = bool
  default     = false
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace to which a handler may publish metrics of its own; null: none. Lambda's own metrics need no permission."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role, where the account demands one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
  nullable    = false
}
