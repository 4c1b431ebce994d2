variable "function_name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}

variable "qualifier" {
  description = "Alias that the events are sent to, from the alias itself."
  type        = string
  nullable    = false
}

variable "events" {
  description = "Of calls by InvocationType Event: how often a failed one is tried again, and after how long it is given up."
  type = object({
    retries         = optional(number, 2)
    max_age_seconds = optional(number, 21600)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([0, 1, 2], var.events.retries)
    error_message = "events.retries must be 0, 1 or 2."
  }

  validation {
    condition     = var.events.max_age_seconds >= 60 && var.events.max_age_seconds <= 21600 && floor(var.events.max_age_seconds) == var.events.max_age_seconds
    error_message = "events.max_age_seconds must be a whole number between 60 and 21600 (6 hours)."
  }
}

variable "failure_queue" {
  description = "Queue that gets a record of each event that failed for good; null: none. Module lambda_failure_queue makes it."
  type = object({
    arn = string
  })
  default = null
}
