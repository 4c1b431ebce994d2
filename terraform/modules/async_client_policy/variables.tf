variable "endpoint_name" {
  description = "Endpoint that may be called."
  type        = string
  nullable    = false
}

variable "locations" {
  description = "S3 locations of the endpoint: where clients put requests, and where they find answers and failures."
  type = object({
    input   = string
    output  = string
    failure = string
  })
  nullable = false

  validation {
    condition     = alltrue([for location in values(var.locations) : can(regex("^s3://[^/*?]+/[^*?]*[^*?/]/$", location))])
    error_message = "locations must be S3 prefixes of the form s3://<bucket>/<prefix>/ without the wildcards * and ?."
  }
}

variable "queue_arn" {
  description = "Queue at which clients wait for notices; null: there is none."
  type        = string
  default     = null
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

variable "kms_key_arn" {
  description = "Key that encrypts requests, answers and notices."
  type        = string
  nullable    = false
}

variable "tags" {
  description = "Tags of the policy."
  type        = map(string)
  default     = {}
  nullable    = false
}
