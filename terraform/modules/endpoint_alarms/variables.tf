variable "endpoint_name" {
  description = "Name of the endpoint. A plain name, not the endpoint's output: the alarms must exist before the endpoint, which names them as a reason to roll back."
  type        = string
  nullable    = false
}

variable "variants" {
  description = "Names of the endpoint's variants; each gets alarms of its own."
  type        = set(string)
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    Thresholds; 0 turns an alarm off. Percentages are of the requests in a period. `server_error_percent` (5XX answers)
    cannot be off: with `latency_p99_ms` it rolls back updates. `model_error_percent` counts every answer of a
    container that is not 2XX, bad requests of callers included. `memory_percent` is of an instance.
    `no_traffic_minutes` alarms when that long passes without a request. An alarm goes off when `periods_to_alarm` of the
    last `periods` are over the threshold.
  EOT
  type = object({
    server_error_percent = optional(number, 1)
    model_error_percent  = optional(number, 20)
    latency_p99_ms       = optional(number, 1000)
    memory_percent       = optional(number, 0)
    no_traffic_minutes   = optional(number, 0)
    period_seconds       = optional(number, 60)
    periods              = optional(number, 5)
    periods_to_alarm     = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.server_error_percent > 0 && var.alarms.server_error_percent < 100
    error_message = "alarms.server_error_percent must lie above 0 and below 100, for example 1: this alarm rolls back updates, so it cannot be off."
  }

  validation {
    condition     = alltrue([for percent in [var.alarms.model_error_percent, var.alarms.memory_percent] : percent >= 0 && percent < 100])
    error_message = "alarms.model_error_percent and alarms.memory_percent must be 0 (off) or lie below 100, for example 20 and 90."
  }

  validation {
    condition     = var.alarms.latency_p99_ms >= 0
    error_message = "alarms.latency_p99_ms must be 0 (off) or a number of milliseconds, for example 1000."
  }

  validation {
    condition     = var.alarms.no_traffic_minutes >= 0 && var.alarms.no_traffic_minutes <= 1440 && floor(var.alarms.no_traffic_minutes) == var.alarms.no_traffic_minutes
    error_message = "alarms.no_traffic_minutes must be 0 (off) or a whole number up to 1440 (a day)."
  }

  validation {
    condition     = contains([10, 30], var.alarms.period_seconds) || (var.alarms.period_seconds >= 60 && var.alarms.period_seconds % 60 == 0)
    error_message = "alarms.period_seconds must be 10, 30 or a multiple of 60."
  }

  validation {
    condition     = var.alarms.periods_to_alarm >= 1 && var.alarms.periods_to_alarm <= var.alarms.periods && var.alarms.period_seconds * var.alarms.periods <= 86400
    error_message = "alarms needs 1 <= periods_to_alarm <= periods, and periods times period_seconds of at most a day."
  }
}

variable "topic_arn" {
  description = "SNS topic that is told when an alarm goes off and when it is over; null: nobody is told."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the alarms."
  type        = map(string)
  default     = {}
  nullable    = false
}
