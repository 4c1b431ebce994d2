variable "name" {
  description = "Name of the dashboard."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,255}$", var.name))
    error_message = "name must be 1 to 255 letters, digits, underscores and hyphens, for example \"serving-dev\"."
  }
}

variable "region" {
  description = "Region of the metrics."
  type        = string
  nullable    = false
}

variable "endpoints" {
  description = "Key => endpoint: its name, its variants and the hostnames of its containers (empty for mode Single). Each gets one row."
  type = map(object({
    endpoint_name = string
    variants      = list(string)
    hostnames     = list(string)
  }))
  nullable = false
}

variable "async_endpoints" {
  description = "Key => asynchronous endpoint: its name and its variant. Each gets two rows, below the others."
  type = map(object({
    endpoint_name = string
    variant_name  = string
  }))
  default  = {}
  nullable = false
}

variable "serverless_endpoints" {
  description = "Key => serverless endpoint: its name, its variant, and whether environments are kept ready. Each gets one row, below the asynchronous ones."
  type = map(object({
    endpoint_name = string
    variant_name  = string
    provisioned   = bool
  }))
  default  = {}
  nullable = false
}

variable "functions" {
  description = "Key => function: its name, the alias that callers use, and whether environments are kept ready. Each gets two rows, below all others."
  type = map(object({
    function_name = string
    qualifier     = string
    provisioned   = bool
  }))
  default  = {}
  nullable = false
}
