variable "endpoint_name" {
  description = "Name of the endpoint, from the endpoint itself: its variants must exist before they can scale."
  type        = string
  nullable    = false
}

variable "variants" {
  description = "Variant name => its instance type and first instance count."
  type = map(object({
    instance_type  = string
    instance_count = number
  }))
  nullable = false

  validation {
    condition     = alltrue([for variant in values(var.variants) : !can(regex("^ml\\.t[0-9]", variant.instance_type))])
    error_message = "Burstable instances (ml.t2, ml.t3, …) cannot scale automatically: choose another instance_type, such as \"ml.m5.large\", or leave autoscaling out."
  }

  # An update starts again from instance_count (the provider cannot ask SageMaker to keep the scaled count), and
  # autoscaling goes on from there; a count outside its limits would be scaled at once.
  validation {
    condition     = alltrue([for variant in values(var.variants) : variant.instance_count >= var.autoscaling.min && variant.instance_count <= var.autoscaling.max])
    error_message = "instance_count of each variant must lie between autoscaling.min (${var.autoscaling.min}) and autoscaling.max (${var.autoscaling.max}): every update starts from it."
  }
}

variable "autoscaling" {
  description = <<-EOT
    Limits of the instance count of each variant, and `invocations_per_instance`: the number of requests a minute and
    instance that autoscaling aims for. Cooldowns are the seconds between two steps in the same direction.
  EOT
  type = object({
    min                        = number
    max                        = number
    invocations_per_instance   = number
    scale_in_cooldown_seconds  = optional(number, 300)
    scale_out_cooldown_seconds = optional(number, 60)
  })
  nullable = false

  validation {
    condition     = var.autoscaling.min >= 1 && var.autoscaling.max >= var.autoscaling.min && floor(var.autoscaling.min) == var.autoscaling.min && floor(var.autoscaling.max) == var.autoscaling.max
    error_message = "autoscaling needs whole numbers with 1 <= min <= max: a real-time endpoint keeps at least one instance."
  }

  validation {
    condition     = var.autoscaling.invocations_per_instance > 0
    error_message = "autoscaling.invocations_per_instance must be above 0: the requests a minute that one instance serves well, for example 600."
  }

  validation {
    condition     = var.autoscaling.scale_in_cooldown_seconds >= 0 && var.autoscaling.scale_out_cooldown_seconds >= 0
    error_message = "autoscaling.scale_in_cooldown_seconds and autoscaling.scale_out_cooldown_seconds must be zero or more."
  }
}

variable "tags" {
  description = "Tags of the scaling targets."
  type        = map(string)
  default     = {}
  nullable    = false
}
