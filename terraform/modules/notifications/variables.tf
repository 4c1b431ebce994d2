variable "name" {
  description = "Name of the topic."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,256}$", var.name))
    error_message = "name must be 1 to 256 letters, digits, underscores and hyphens, for example \"serving-dev-alarms\"."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages; its policy must let CloudWatch use it, as the foundation's does."
  type        = string
  nullable    = false
}

variable "emails" {
  description = "Addresses that get every message; each has to confirm once."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "emails must hold addresses such as \"oncall@example.com\"."
  }
}

variable "tags" {
  description = "Tags of the topic."
  type        = map(string)
  default     = {}
  nullable    = false
}
