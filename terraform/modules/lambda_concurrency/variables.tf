variable "function_name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}

variable "qualifier" {
  description = "Alias whose environments are kept ready, from the alias itself: it must exist, and point to a version that works."
  type        = string
  nullable    = false

  validation {
    condition     = var.qualifier != "$LATEST"
    error_message = "qualifier must be an alias, such as \"live\": Lambda keeps no environments ready for $LATEST."
  }
}

variable "provisioned_concurrency" {
  description = "Environments that are kept initialised; with autoscaling the number to begin with."
  type        = number
  nullable    = false

  validation {
    condition     = var.provisioned_concurrency >= 1 && floor(var.provisioned_concurrency) == var.provisioned_concurrency
    error_message = "provisioned_concurrency must be a whole number of at least 1; for none leave it out, and autoscaling with it."
  }

  validation {
    condition     = var.autoscaling == null ? true : var.provisioned_concurrency >= var.autoscaling.min && var.provisioned_concurrency <= var.autoscaling.max
    error_message = "provisioned_concurrency must lie between autoscaling.min and autoscaling.max: scaling begins with it. Left out, it is autoscaling.min."
  }

  # Lambda refuses more than is reserved, once the alias is there. As many as are reserved it takes, but then no other version can
  # run (Lambda guide, "Configuring provisioned concurrency for a function"): the probe of the next one would be throttled.
  validation {
    condition     = var.reserved_concurrency == null ? true : max(var.provisioned_concurrency, try(var.autoscaling.max, 0)) < var.reserved_concurrency
    error_message = "provisioned_concurrency and autoscaling.max must be below reserved_concurrency (${coalesce(var.reserved_concurrency, 0)}): environments that are kept ready are among the reserved ones, and one must be left to try out the next version. Raise reserved_concurrency, or leave it out."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of the function; null: none."
  type        = number
  default     = null
}

variable "autoscaling" {
  description = <<-EOT
    Limits of the number of environments that are kept ready, and `utilization`: the share of them that autoscaling wants busy.
    Cooldowns are the seconds between two steps in the same direction. null: the number is fixed.
  EOT
  type = object({
    min                        = number
    max                        = number
    utilization                = optional(number, 0.7)
    scale_in_cooldown_seconds  = optional(number, 300)
    scale_out_cooldown_seconds = optional(number, 60)
  })
  default = null

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.min >= 1 && var.autoscaling.max >= var.autoscaling.min && floor(var.autoscaling.min) == var.autoscaling.min && floor(var.autoscaling.max) == var.autoscaling.max
    error_message = "autoscaling needs whole numbers with 1 <= min <= max."
  }

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.utilization >= 0.1 && var.autoscaling.utilization <= 0.9
    error_message = "autoscaling.utilization must lie between 0.1 and 0.9, for example 0.7: seven in ten environments busy."
  }

  validation {
    condition     = var.autoscaling == null ? true : var.autoscaling.scale_in_cooldown_seconds >= 0 && var.autoscaling.scale_out_cooldown_seconds >= 0
    error_message = "autoscaling.scale_in_cooldown_seconds and autoscaling.scale_out_cooldown_seconds must be zero or more."
  }
}

variable "tags" {
  description = "Tags of the scaling target."
  type        = map(string)
  default     = {}
  nullable    = false
}
