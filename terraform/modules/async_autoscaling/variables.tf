variable "endpoint_name" {
  description = "Name of the endpoint, from the endpoint itself: its variant must exist before it can scale."
  type        = string
  nullable    = false
}

variable "variant_name" {
  description = "Name of the endpoint's only variant."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "The variant's instance type; another one registers the variant anew."
  type        = string
  nullable    = false

  validation {
    condition     = !can(regex("^ml\\.t[0-9]", var.instance_type))
    error_message = "Burstable instances (ml.t2, ml.t3, …) cannot scale automatically: choose another instance_type, such as \"ml.m5.large\", or leave autoscaling out."
  }
}

variable "instance_count" {
  description = "Instances with which the endpoint, and every update of it, starts."
  type        = number
  nullable    = false

  # As in module endpoint_autoscaling, but SageMaker starts no endpoint with zero instances.
  validation {
    condition     = var.instance_count >= max(var.autoscaling.min, 1) && var.instance_count <= var.autoscaling.max
    error_message = "instance_count must lie between ${max(var.autoscaling.min, 1)} and autoscaling.max (${var.autoscaling.max}): every update starts from it. An endpoint that may scale to zero starts with at least one instance, too, and scales in from there."
  }
}

variable "autoscaling" {
  description = <<-EOT
    Limits of the instance count (`min` may be 0), and `backlog_per_instance`: the number of requests, waiting or in
    process, that autoscaling aims for an instance. Cooldowns are the seconds between two steps in the same direction;
    `wake_cooldown_seconds` is that of the first instance out of zero.
  EOT
  type = object({
    min                        = number
    max                        = number
    backlog_per_instance       = number
    scale_in_cooldown_seconds  = optional(number, 300)
    scale_out_cooldown_seconds = optional(number, 60)
    wake_cooldown_seconds      = optional(number, 300)
  })
  nullable = false

  validation {
    condition     = var.autoscaling.min >= 0 && var.autoscaling.max >= 1 && var.autoscaling.max >= var.autoscaling.min && floor(var.autoscaling.min) == var.autoscaling.min && floor(var.autoscaling.max) == var.autoscaling.max
    error_message = "autoscaling needs whole numbers with 0 <= min <= max and max of at least 1, for example min = 0, max = 2."
  }

  validation {
    condition     = var.autoscaling.backlog_per_instance > 0
    error_message = "autoscaling.backlog_per_instance must be above 0: the requests that may wait for one instance, for example 5."
  }

  validation {
    condition     = var.autoscaling.scale_in_cooldown_seconds >= 0 && var.autoscaling.scale_out_cooldown_seconds >= 0 && var.autoscaling.wake_cooldown_seconds >= 0
    error_message = "autoscaling.scale_in_cooldown_seconds, autoscaling.scale_out_cooldown_seconds and autoscaling.wake_cooldown_seconds must be zero or more."
  }
}

variable "tags" {
  description = "Tags of the scaling target and its alarm."
  type        = map(string)
  default     = {}
  nullable    = false
}
