variable "environment" {
  description = "Environment; the parameter is called /serving/<environment>/catalog."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Region in which clients find the endpoints."
  type        = string
  nullable    = false
}

variable "endpoints" {
  description = "Key => what a client has to know of an endpoint. Each key of `containers` is a container hostname; `order` is its place in a Serial endpoint, `async`, `serverless` and `function` what belongs to an endpoint of that pattern."
  type = map(object({
    pattern       = string
    endpoint_name = string
    mode          = string
    variants      = list(string)
    containers = map(object({
      task  = string
      model = string
      order = optional(number)
    }))
    async = optional(object({
      input             = string
      output            = string
      failure           = string
      queue_url         = optional(string)
      success_topic_arn = optional(string)
      error_topic_arn   = optional(string)
    }))
    serverless = optional(object({
      max_concurrency = number
    }))
    function = optional(object({
      qualifier       = string
      timeout_s       = number
      max_concurrency = optional(number)
      url             = optional(string)
    }))
  }))
  nullable = false
}

variable "tags" {
  description = "Tags of the parameter."
  type        = map(string)
  default     = {}
  nullable    = false
}
