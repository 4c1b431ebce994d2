variable "endpoint_name" {
  description = "Name of the endpoint."
  type        = string
  nullable    = false
}

variable "variant_name" {
  description = "Name of the endpoint's only variant."
  type        = string
  default     = "blue"
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    Thresholds; 0 turns an alarm off. `server_error_percent` is of the requests in a period (5XX answers of the container).
    `concurrency_percent` is the share of max_concurrency in use: above it requests are soon throttled, which no metric counts.
    `setup_ms` is how long a cold start may take, `latency_p99_ms` the container's answer for one request in a hundred,
    `spillovers` the requests in a period that may find no provisioned environment, `memory_percent` is of an environment. An
    alarm goes off when `periods_to_alarm` of the last `periods` are over the threshold.
  EOT
  type = object({
    server_error_percent = optional(number, 5)
    concurrency_percent  = optional(number, 90)
    setup_ms             = optional(number, 60000)
    latency_p99_ms       = optional(number, 0)
    spillovers           = optional(number, 0)
    memory_percent       = optional(number, 90)
    period_seconds       = optional(number, 300)
    periods              = optional(number, 1)
    periods_to_alarm     = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for percent in [var.alarms.server_error_percent, var.alarms.concurrency_percent, var.alarms.memory_percent] : percent >= 0 && percent < 100])
    error_message = "alarms.server_error_percent, concurrency_percent and memory_percent must be 0 (off) or lie below 100, for example 5, 90 and 90."
  }

  # SageMaker gives a container three minutes to start, and 60 seconds to answer.
  validation {
    condition     = var.alarms.setup_ms >= 0 && var.alarms.setup_ms <= 180000 && var.alarms.latency_p99_ms >= 0 && var.alarms.latency_p99_ms <= 60000
    error_message = "alarms.setup_ms must be 0 (off) or at most 180000 (3 minutes), alarms.latency_p99_ms 0 (off) or at most 60000 (1 minute): SageMaker waits no longer."
  }

  validation {
    condition     = var.alarms.spillovers >= 0 && floor(var.alarms.spillovers) == var.alarms.spillovers
    error_message = "alarms.spillovers must be 0 (off) or a whole number, for example 10."
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
