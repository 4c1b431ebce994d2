variable "name" {
  description = "Name of the endpoint."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.name))
    error_message = "name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"serving-dev-korean-nlp\"."
  }
}

variable "mode" {
  description = "Direct: each container is invoked on its own. Serial: an inference pipeline, one container feeds the next. Single: one container, a plain real-time endpoint."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["Direct", "Serial", "Single"], var.mode)
    error_message = "mode must be \"Direct\", \"Serial\" or \"Single\", not \"${var.mode}\"."
  }
}

variable "variants" {
  description = <<-EOT
    Variant name => instances and containers; several variants are an A/B test, with traffic split by weight.
    Each key of `containers` is the container's hostname. `order` counts in Serial mode: the lowest is first.
  EOT
  type = map(object({
    instance_type            = string
    instance_count           = optional(number, 1)
    weight                   = optional(number, 1)
    startup_timeout_seconds  = optional(number, 480)
    download_timeout_seconds = optional(number, 900)
    containers = map(object({
      image       = string
      archive     = string
      order       = optional(number, 0)
      environment = optional(map(string), {})
    }))
  }))
  nullable = false

  # Ten are SageMaker's limit; each variant brings two of the at most ten alarms that may roll an update back.
  validation {
    condition     = length(var.variants) >= 1 && length(var.variants) <= 5
    error_message = "An endpoint needs 1 to 5 variants; variants holds ${length(var.variants)}. Write for example variants = { blue = { … } }."
  }

  validation {
    condition     = alltrue([for name in keys(var.variants) : length(name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", name))])
    error_message = "A variant's name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"blue\"; not: ${join(", ", [for name in keys(var.variants) : name if !can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", name))])}."
  }

  validation {
    condition     = alltrue([for variant in values(var.variants) : can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9]+$", variant.instance_type))])
    error_message = "instance_type must be a SageMaker type such as \"ml.m5.large\", with \"ml.\" in front; not: ${join(", ", [for variant in values(var.variants) : variant.instance_type if !can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9]+$", variant.instance_type))])}."
  }

  validation {
    condition     = alltrue([for variant in values(var.variants) : variant.instance_count >= 1 && floor(variant.instance_count) == variant.instance_count])
    error_message = "instance_count must be a whole number of at least 1. To serve nothing, remove the variant or the endpoint."
  }

  # A fraction comes back from AWS as a slightly different number, and every plan would replace the configuration.
  validation {
    condition     = alltrue([for variant in values(var.variants) : variant.weight >= 0 && floor(variant.weight) == variant.weight])
    error_message = "weight must be a whole number, zero or more: shares of traffic are relative, so write 9 and 1 instead of 0.9 and 0.1."
  }

  validation {
    condition     = length(var.variants) == 0 || anytrue([for variant in values(var.variants) : variant.weight > 0])
    error_message = "At least one variant needs a weight above 0, or no request could be routed."
  }

  validation {
    condition = alltrue([for variant in values(var.variants) :
      variant.startup_timeout_seconds >= 60 && variant.startup_timeout_seconds <= 3600 &&
      variant.download_timeout_seconds >= 60 && variant.download_timeout_seconds <= 3600
    ])
    error_message = "startup_timeout_seconds and download_timeout_seconds must each lie between 60 and 3600 seconds."
  }

  validation {
    condition     = alltrue([for variant in values(var.variants) : length(variant.containers) >= 1 && length(variant.containers) <= 15])
    error_message = "Each variant needs 1 to 15 containers."
  }

  validation {
    condition     = var.mode == "Single" ? alltrue([for variant in values(var.variants) : length(variant.containers) == 1]) : true
    error_message = "Mode \"Single\" takes exactly one container a variant. For several write mode = \"Direct\" (each invoked on its own) or \"Serial\" (a pipeline)."
  }

  validation {
    condition     = contains(["Direct", "Serial"], var.mode) ? alltrue([for variant in values(var.variants) : length(variant.containers) >= 2]) : true
    error_message = "Mode \"${var.mode}\" needs at least two containers a variant. For one container write mode = \"Single\"."
  }

  validation {
    condition = alltrue(flatten([for variant in values(var.variants) : [
      for hostname in keys(variant.containers) : length(hostname) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", hostname))
    ]]))
    error_message = "Each key of containers is a container hostname: 1 to 63 letters, digits and hyphens, with no hyphen at either end and no underscore, for example \"sentiment\" or \"sentiment-v2\"."
  }

  validation {
    condition = alltrue([for variant in values(var.variants) :
      length(distinct([for hostname in keys(variant.containers) : lower(hostname)])) == length(variant.containers)
    ])
    error_message = "Container hostnames of a variant must differ in more than upper and lower case: they are host names."
  }

  validation {
    condition = var.mode == "Serial" ? alltrue([for variant in values(var.variants) :
      length(distinct([for container in values(variant.containers) : container.order])) == length(variant.containers)
    ]) : true
    error_message = "In mode \"Serial\" give every container of a variant its own order, for example order = 1, 2, 3: it decides which one feeds the next."
  }

  validation {
    condition = alltrue(flatten([for variant in values(var.variants) : [
      for container in values(variant.containers) : container.order >= 0 && container.order <= 999 && floor(container.order) == container.order
    ]]))
    error_message = "order must be a whole number between 0 and 999."
  }

  validation {
    condition = alltrue(flatten([for variant in values(var.variants) : [
      for container in values(variant.containers) :
      can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", container.image))
    ]]))
    error_message = "image must name an ECR image by digest: <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>. A tag may move, and SageMaker would not notice."
  }

  validation {
    condition = alltrue(flatten([for variant in values(var.variants) : [
      for container in values(variant.containers) : can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\\.tar\\.gz$", container.archive))
    ]]))
    error_message = "archive must be an S3 URL that ends in .tar.gz, for example s3://<bucket>/models/sentiment/<sha256>/model.tar.gz."
  }
}

variable "execution_role_arn" {
  description = "Role that SageMaker assumes to fetch images and archives and to write logs."
  type        = string
  nullable    = false
}

variable "rollback_alarm_names" {
  description = "CloudWatch alarms that roll an update back. Never empty: adding the first one later would replace the endpoint."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.rollback_alarm_names) >= 1 && length(var.rollback_alarm_names) <= 10
    error_message = "rollback_alarm_names must hold 1 to 10 alarm names; module endpoint_alarms gives them."
  }
}

variable "deployment" {
  description = <<-EOT
    How an update shifts traffic from the old instances to the new. ALL_AT_ONCE, CANARY (step_percent first, then
    the rest) and LINEAR (step_percent at a time) start a whole second fleet; ROLLING replaces step_percent of the
    instances at a time. `wait_seconds` is how long the alarms are watched after each step, `termination_wait_seconds`
    how long the old fleet is kept after the last one. After `timeout_seconds` SageMaker gives up and rolls back.
  EOT
  type = object({
    strategy                 = optional(string, "ALL_AT_ONCE")
    step_percent             = optional(number, 20)
    wait_seconds             = optional(number, 300)
    termination_wait_seconds = optional(number, 120)
    timeout_seconds          = optional(number, 3300)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"], var.deployment.strategy)
    error_message = "deployment.strategy must be \"ALL_AT_ONCE\", \"CANARY\", \"LINEAR\" or \"ROLLING\", not \"${var.deployment.strategy}\"."
  }

  validation {
    condition = (
      floor(var.deployment.step_percent) == var.deployment.step_percent &&
      var.deployment.step_percent >= lookup({ CANARY = 1, LINEAR = 10, ROLLING = 5 }, var.deployment.strategy, 0) &&
      var.deployment.step_percent <= 50
    )
    error_message = "deployment.step_percent must be a whole number: 1 to 50 for CANARY, 10 to 50 for LINEAR, 5 to 50 for ROLLING."
  }

  # A step is at most half of a variant's instances (SageMaker API, TrafficRoutingConfig), and at least one of them.
  validation {
    condition = contains(["CANARY", "LINEAR"], var.deployment.strategy) ? alltrue([
      for variant in values(var.variants) : variant.instance_count >= 2
    ]) : true
    error_message = "deployment.strategy \"${var.deployment.strategy}\" shifts at most half of a variant's instances at a time, so every variant needs an instance_count of at least 2; too few: ${join(", ", [for name, variant in var.variants : name if variant.instance_count < 2])}. Raise instance_count, or write strategy = \"ALL_AT_ONCE\"."
  }

  validation {
    condition     = var.deployment.strategy == "ROLLING" ? length(var.variants) == 1 : true
    error_message = "deployment.strategy \"ROLLING\" works for an endpoint of one variant only; this one has ${length(var.variants)}. Write strategy = \"ALL_AT_ONCE\", \"CANARY\" or \"LINEAR\"."
  }

  validation {
    condition     = var.deployment.wait_seconds >= 0 && var.deployment.termination_wait_seconds >= 0
    error_message = "deployment.wait_seconds and deployment.termination_wait_seconds must be zero or more."
  }

  # The AWS provider waits 60 minutes for an endpoint and cannot be told otherwise; a quarter of an hour of that is
  # for the new instances to start.
  validation {
    condition = (
      lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1) * var.deployment.wait_seconds +
      var.deployment.termination_wait_seconds <= 2700
    )
    error_message = "deployment waits too long: ${lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1)} step(s) of wait_seconds = ${var.deployment.wait_seconds}, and termination_wait_seconds = ${var.deployment.termination_wait_seconds}, may take 2700 seconds (45 minutes) together, because the AWS provider gives up on an update after 60 minutes. Lower wait_seconds or termination_wait_seconds, or take fewer steps with a higher step_percent."
  }

  # The limits leave SageMaker five of the provider's 60 minutes to roll back.
  validation {
    condition     = var.deployment.timeout_seconds >= 600 && var.deployment.timeout_seconds <= 3300
    error_message = "deployment.timeout_seconds must lie between 600 and 3300 seconds (55 minutes): later the AWS provider would have given up on the update."
  }

  validation {
    condition = (
      lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1) * var.deployment.wait_seconds +
      var.deployment.termination_wait_seconds < var.deployment.timeout_seconds
    )
    error_message = "deployment.timeout_seconds must be longer than all waits together: ${lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1)} step(s) of wait_seconds, and termination_wait_seconds. Raise it (3300 is the default and the most), or wait less."
  }
}

variable "vpc" {
  description = "Subnets and security groups of the containers; null leaves them outside any VPC of yours."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) >= 1 && length(var.vpc.security_group_ids) >= 1
    error_message = "vpc needs at least one subnet id and one security group id; to stay outside a VPC leave vpc out."
  }
}

variable "kms" {
  description = <<-EOT
    Key that encrypts logs, captured data and, with `encrypt_volumes`, the instances' storage; null leaves all to the keys
    that AWS manages. Instance types with local NVMe disks encrypt those themselves and refuse a key of yours.
  EOT
  type = object({
    key_arn         = string
    encrypt_volumes = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.kms == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms.key_arn))
    error_message = "kms.key_arn must be the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id."
  }
}

variable "data_capture" {
  description = "Where to keep a sample of requests and answers; null keeps none."
  type = object({
    s3_uri           = string
    sampling_percent = optional(number, 10)
  })
  default = null

  validation {
    condition     = var.data_capture == null ? true : can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$", var.data_capture.s3_uri))
    error_message = "data_capture.s3_uri must be an S3 URL such as s3://<bucket>/captured/<endpoint>."
  }

  validation {
    condition = var.data_capture == null ? true : (
      var.data_capture.sampling_percent >= 1 && var.data_capture.sampling_percent <= 100 &&
      floor(var.data_capture.sampling_percent) == var.data_capture.sampling_percent
    )
    error_message = "data_capture.sampling_percent must be a whole number between 1 and 100; to capture nothing leave data_capture out."
  }
}

variable "log_retention_days" {
  description = "How long the containers' logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a period that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "tags" {
  description = "Tags of the models, the configuration and the endpoint."
  type        = map(string)
  default     = {}
  nullable    = false
}
