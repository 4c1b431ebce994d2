variable "function_name" {
  description = "Function that may be called."
  type        = string
  nullable    = false
}

variable "qualifier" {
  description = "Alias through which it may be called, and no other way."
  type        = string
  default     = "live"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,128}$", var.qualifier))
    error_message = "qualifier must be an alias or a version, such as \"live\", without wildcards."
  }
}

variable "url" {
  description = "Whether the alias has a URL."
  type        = bool
  default     = false
  nullable    = false
}

variable "catalog_parameter" {
  description = "SSM parameter of the catalog, in which clients find the function, such as /serving/dev/catalog."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.catalog_parameter, "/")
    error_message = "catalog_parameter must begin with a slash, for example \"/serving/dev/catalog\"."
  }
}

variable "tags" {
  description = "Tags of the policy."
  type        = map(string)
  default     = {}
  nullable    = false
}
