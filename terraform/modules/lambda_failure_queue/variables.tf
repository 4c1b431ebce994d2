variable "name" {
  description = "Name of the queue."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,80}$", var.name))
    error_message = "name must be 1 to 80 letters, digits, hyphens and underscores, for example \"serving-dev-object-detection-failures\"."
  }
}

variable "sender_role_name" {
  description = "Role of the function, which alone may send to the queue. A plain name: the role is made beside the queue."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.sender_role_name))
    error_message = "sender_role_name must be the name of a role, not its ARN."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the queue."
  type        = string
  nullable    = false
}

variable "retention_seconds" {
  description = "How long an event is kept that nobody takes."
  type        = number
  default     = 1209600
  nullable    = false

  validation {
    condition     = var.retention_seconds >= 60 && var.retention_seconds <= 1209600 && floor(var.retention_seconds) == var.retention_seconds
    error_message = "retention_seconds must be a whole number between 60 and 1209600 (14 days), for example 1209600."
  }
}

variable "tags" {
  description = "Tags of the queue."
  type        = map(string)
  default     = {}
  nullable    = false
}
