variable "endpoint_name" {
  description = "Endpoint that may be called."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.endpoint_name))
    error_message = "endpoint_name must be 1 to 63 letters, digits and hyphens, without wildcards, for example \"serving-dev-sentiment\"."
  }
}

variable "catalog_parameter" {
  description = "SSM parameter of the catalog, in which clients find the endpoint, such as /serving/dev/catalog."
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
