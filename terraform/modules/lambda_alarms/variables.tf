variable "function_name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}

variable "qualifier" {
  description = "Alias that callers use: its invocations are watched."
  type        = string
  default     = "live"
  nullable    = false
}

variable "timeout_seconds" {
  description = "The function's timeout, of which `duration_percent` is a share."
  type        = number
  nullable    = false
}

variable "log_group" {
  description = "Log group of the function, from the function itself: a filter reads the time of cold starts from it."
  type        = string
  nullable    = false
}

variable "log_format" {
  description = "Form of its lines: Text or JSON."
  type        = string
  default     = "Text"
  nullable    = false

  validation {
    condition     = contains(["Text", "JSON"], var.log_format)
    error_message = "log_format must be \"Text\" or \"JSON\", as the function's own."
  }
}

variable "system_level" {
  description = "With JSON: the least level of Lambda's own lines. Those about cold starts are INFO. null: INFO."
  type        = string
  default     = null
}

variable "queue_names" {
  description = "Queues of failed events."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "dead_letter_queue" {
  description = "Whether the function has a dead-letter queue."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    Thresholds; 0 turns an alarm off. `error_percent` is of the invocations in a period, once `errors_at_least` have failed.
    `throttles`, `spillovers` (requests that found no provisioned environment), `dropped_events`, `lost_failures` (records of
    failed events that could not be sent) and `waiting_failures` (failed events in the queues) alarm from that many on.
    `duration_percent` is the share of the timeout that one invocation in a hundred may take, `init_ms` how long a cold start
    may, `event_age_seconds` how long an event may wait. Alarms on errors, duration and init go off when `periods_to_alarm` of
    the last `periods` are over the threshold.
  EOT
  type = object({
    error_percent     = optional(number, 5)
    errors_at_least   = optional(number, 3)
    throttles         = optional(number, 1)
    spillovers        = optional(number, 0)
    duration_percent  = optional(number, 80)
    init_ms           = optional(number, 8000)
    event_age_seconds = optional(number, 3600)
    dropped_events    = optional(number, 1)
    lost_failures     = optional(number, 1)
    waiting_failures  = optional(number, 1)
    period_seconds    = optional(number, 300)
    periods           = optional(number, 1)
    periods_to_alarm  = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for percent in [var.alarms.error_percent, var.alarms.duration_percent] : percent >= 0 && percent < 100])
    error_message = "alarms.error_percent and alarms.duration_percent must be 0 (off) or lie below 100, for example 5 and 80."
  }

  validation {
    condition     = var.alarms.errors_at_least >= 1 && floor(var.alarms.errors_at_least) == var.alarms.errors_at_least
    error_message = "alarms.errors_at_least must be a whole number of at least 1, for example 3; to turn the alarm off write error_percent = 0."
  }

  validation {
    condition = alltrue([
      for count in [var.alarms.throttles, var.alarms.spillovers, var.alarms.dropped_events, var.alarms.lost_failures, var.alarms.waiting_failures] : count >= 0 && floor(count) == count
    ])
    error_message = "alarms.throttles, spillovers, dropped_events, lost_failures and waiting_failures must be 0 (off) or whole numbers, for example 1."
  }

  validation {
    condition     = var.alarms.init_ms >= 0 && var.alarms.init_ms <= 10000
    error_message = "alarms.init_ms must be 0 (off) or at most 10000, for example 8000: Lambda ends an init after 10 seconds."
  }

  validation {
    condition     = var.alarms.init_ms == 0 || var.log_format == "Text" || contains(["DEBUG", "INFO"], coalesce(var.system_level, "INFO"))
    error_message = "alarms.init_ms needs the lines about cold starts, which are INFO: write logging.system_level = \"INFO\" or \"DEBUG\", or alarms.init_ms = 0."
  }

  validation {
    condition     = var.alarms.event_age_seconds >= 0 && var.alarms.event_age_seconds <= 21600
    error_message = "alarms.event_age_seconds must be 0 (off) or at most 21600 (6 hours), for example 3600: no event gets older."
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
