variable "endpoint_name" {
  description = "Name of the endpoint, from the endpoint itself: its variant must exist before it can scale."
  type        = string
  nullable    = false
}

variable "variant_name" {
  description = "Name of the endpoint's only variant."
  type        = string
  default     = "blue"
  nullable    = false
}

variable "max_concurrency" {
  description = "Most requests at a time of the endpoint: no more environments can be kept ready."
  type        = number
  nullable    = false
}

variable "provisioned_concurrency" {
  description = "Environments with which the endpoint, and every update of it, starts; autoscaling goes on from there."
  type        = number
  nullable    = false

  validation {
    condition     = var.provisioned_concurrency >= var.autoscaling.min && var.provisioned_concurrency <= var.autoscaling.max
    error_message = "provisioned_concurrency must lie between autoscaling.min and autoscaling.max: every update starts from it. Left out, it is autoscaling.min."
  }
}

variable "autoscaling" {
  description = <<-EOT
    Limits of the number of environments that are kept ready, and `utilization`: the share of them that autoscaling wants busy.
    Cooldowns are the seconds between two steps in the same direction.
  EOT
  type = object({
    min                        = number
    max                        = number
    utilization                = optional(number, 0.7)
    scale_in_cooldown_seconds  = optional(number, 300)
    scale_out_cooldown_seconds = optional(number, 60)
  })
  nullable = false

  validation {
    condition     = var.autoscaling.min >= 1 && var.autoscaling.max >= var.autoscaling.min && floor(var.autoscaling.min) == var.autoscaling.min && floor(var.autoscaling.max) == var.autoscaling.max
    error_message = "autoscaling needs whole numbers with 1 <= min <= max. To keep no environment ready leave autoscaling and provisioned_concurrency out: a serverless endpoint goes to zero by itself."
  }

  validation {
    condition     = var.autoscaling.max <= var.max_concurrency
    error_message = "autoscaling.max must not be above max_concurrency (${var.max_concurrency}): environments that are kept ready are among those that it allows."
  }

  validation {
    condition     = var.autoscaling.utilization >= 0.1 && var.autoscaling.utilization <= 0.9
    error_message = "autoscaling.utilization must lie between 0.1 and 0.9, for example 0.7: seven in ten environments busy."
  }

  validation {
    condition     = var.autoscaling.scale_in_cooldown_seconds >= 0 && var.autoscaling.scale_out_cooldown_seconds >= 0
    error_message = "autoscaling.scale_in_cooldown_seconds and autoscaling.scale_out_cooldown_seconds must be zero or more."
  }
}

variable "tags" {
  description = "Tags of the scaling target."
  type        = map(string)
  default     = {}
  nullable    = false
}
