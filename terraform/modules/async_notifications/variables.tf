variable "endpoint_name" {
  description = "Endpoint whose requests the notices are about. A plain name, not the endpoint's output: the topics must exist before the endpoint, which names them."
  type        = string
  nullable    = false

  # A queue's name may have 80 characters.
  validation {
    condition     = length(var.endpoint_name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.endpoint_name))
    error_message = "endpoint_name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"serving-dev-image-segmentation\"."
  }
}

variable "publisher_role_name" {
  description = "Name of the endpoint's execution role, with which SageMaker publishes: no other may. A plain name, not the role's output: the role's policy names the topics."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.publisher_role_name))
    error_message = "publisher_role_name must be the name of a role, not its ARN: 1 to 64 letters, digits or the characters + = , . @ _ -."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the messages; its policy must let SNS use it, as the foundation's does."
  type        = string
  nullable    = false
}

variable "notifications" {
  description = <<-EOT
    `client_queue`: whether an SQS queue gets both topics' messages, for clients to wait at; without it they look for the
    answer in S3. A message that nobody takes is kept for `retention_seconds`; one that a client has received is hidden
    from others for `visibility_timeout_seconds`. `error_emails` are told of every failed request; each has to confirm once.
  EOT
  type = object({
    client_queue               = optional(bool, true)
    retention_seconds          = optional(number, 86400)
    visibility_timeout_seconds = optional(number, 30)
    error_emails               = optional(set(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.notifications.retention_seconds >= 60 && var.notifications.retention_seconds <= 1209600 && floor(var.notifications.retention_seconds) == var.notifications.retention_seconds
    error_message = "notifications.retention_seconds must be a whole number between 60 and 1209600 (14 days), for example 86400 (a day)."
  }

  # With 0 every client would see every message at once, again and again.
  validation {
    condition     = var.notifications.visibility_timeout_seconds >= 1 && var.notifications.visibility_timeout_seconds <= 43200 && floor(var.notifications.visibility_timeout_seconds) == var.notifications.visibility_timeout_seconds
    error_message = "notifications.visibility_timeout_seconds must be a whole number between 1 and 43200 (12 hours), for example 30."
  }

  validation {
    condition     = alltrue([for email in var.notifications.error_emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "notifications.error_emails must hold addresses such as \"oncall@example.com\"."
  }
}

variable "tags" {
  description = "Tags of the topics and the queue."
  type        = map(string)
  default     = {}
  nullable    = false
}
