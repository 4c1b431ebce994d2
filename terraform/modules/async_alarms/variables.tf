variable "endpoint_name" {
  description = "Name of the endpoint. A plain name, not the endpoint's output: the alarms must exist before the endpoint, which names them as a reason to roll back."
  type        = string
  nullable    = false
}

variable "variant_name" {
  description = "Name of the endpoint's only variant."
  type        = string
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    Thresholds; 0 turns an alarm off. Percentages and counts are of the requests in a period. `server_error_percent` (5XX
    answers of the container) cannot be off: with `failure_percent` it rolls back updates. `failure_percent` counts
    every failed request, those of callers with bad input included, once `failures_at_least` of them have failed in a
    period. `oldest_request_seconds` is the age of the oldest request, waiting or in process.
    `backlog_without_capacity_minutes` is how long requests may wait while there is no instance: longer than waking
    takes. `expired_requests` and `notification_failures` alarm from that many on. `memory_percent` is of an instance.
    An alarm on errors, failures or memory goes off when `periods_to_alarm` of the last `periods` are over the threshold.
  EOT
  type = object({
    server_error_percent             = optional(number, 5)
    failure_percent                  = optional(number, 20)
    failures_at_least                = optional(number, 3)
    oldest_request_seconds           = optional(number, 1800)
    backlog_without_capacity_minutes = optional(number, 20)
    expired_requests                 = optional(number, 1)
    notification_failures            = optional(number, 1)
    memory_percent                   = optional(number, 0)
    period_seconds                   = optional(number, 300)
    periods                          = optional(number, 1)
    periods_to_alarm                 = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.server_error_percent > 0 && var.alarms.server_error_percent < 100
    error_message = "alarms.server_error_percent must lie above 0 and below 100, for example 5: this alarm rolls back updates, so it cannot be off."
  }

  validation {
    condition     = alltrue([for percent in [var.alarms.failure_percent, var.alarms.memory_percent] : percent >= 0 && percent < 100])
    error_message = "alarms.failure_percent and alarms.memory_percent must be 0 (off) or lie below 100, for example 20 and 90."
  }

  validation {
    condition     = var.alarms.failures_at_least >= 1 && floor(var.alarms.failures_at_least) == var.alarms.failures_at_least
    error_message = "alarms.failures_at_least must be a whole number of at least 1, for example 3; to turn the alarm off write failure_percent = 0."
  }

  # A request is given up after at most 21600 seconds (RequestTTLSeconds), then takes at most 3600.
  validation {
    condition     = var.alarms.oldest_request_seconds >= 0 && var.alarms.oldest_request_seconds <= 25200
    error_message = "alarms.oldest_request_seconds must be 0 (off) or at most 25200 (7 hours), for example 1800: no request gets older."
  }

  validation {
    condition     = var.alarms.backlog_without_capacity_minutes >= 0 && var.alarms.backlog_without_capacity_minutes <= 1440 && floor(var.alarms.backlog_without_capacity_minutes) == var.alarms.backlog_without_capacity_minutes
    error_message = "alarms.backlog_without_capacity_minutes must be 0 (off) or a whole number up to 1440 (a day), for example 20."
  }

  validation {
    condition     = alltrue([for count in [var.alarms.expired_requests, var.alarms.notification_failures] : count >= 0 && floor(count) == count])
    error_message = "alarms.expired_requests and alarms.notification_failures must be 0 (off) or whole numbers, for example 1."
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
