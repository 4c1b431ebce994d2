variable "name" {
  description = "Name of the endpoint."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.name))
    error_message = "name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"serving-dev-image-segmentation\"."
  }
}

variable "variant_name" {
  description = "Name of the only variant: an asynchronous endpoint has no others."
  type        = string
  default     = "blue"
  nullable    = false

  validation {
    condition     = length(var.variant_name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.variant_name))
    error_message = "variant_name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"blue\"."
  }
}

variable "container" {
  description = "The container: image by digest, model archive, and environment beside SERVING_MAX_BODY_BYTES and SERVING_TIMEOUT_SECONDS, which are set here."
  type = object({
    image       = string
    archive     = string
    environment = optional(map(string), {})
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.container.image))
    error_message = "container.image must name an ECR image by digest: <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>. A tag may move, and SageMaker would not notice."
  }

  validation {
    condition     = can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\\.tar\\.gz$", var.container.archive))
    error_message = "container.archive must be an S3 URL that ends in .tar.gz, for example s3://<bucket>/models/instance_segmentation/<sha256>/model.tar.gz."
  }

  validation {
    condition     = length(setintersection(keys(var.container.environment), ["SERVING_MAX_BODY_BYTES", "SERVING_TIMEOUT_SECONDS"])) == 0
    error_message = "container.environment must not name SERVING_MAX_BODY_BYTES or SERVING_TIMEOUT_SECONDS: the first is AWS's limit of 1 GiB, for the second write invocation_timeout_seconds."
  }
}

variable "instance_type" {
  description = "SageMaker instance type."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ml\\.[a-z0-9-]+\\.[a-z0-9]+$", var.instance_type))
    error_message = "instance_type must be a SageMaker type such as \"ml.m5.large\", with \"ml.\" in front; not: ${var.instance_type}."
  }
}

variable "instance_count" {
  description = "Instances with which the endpoint, and every update of it, starts; autoscaling goes on from there, to zero if it may."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.instance_count >= 1 && floor(var.instance_count) == var.instance_count
    error_message = "instance_count must be a whole number of at least 1: SageMaker starts no endpoint with zero instances. To go down to zero write autoscaling = { min = 0, … }."
  }
}

variable "max_concurrent_invocations_per_instance" {
  description = "Requests that SageMaker sends to one container at the same time; more only wait in it. 1 suits a model that uses every core."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.max_concurrent_invocations_per_instance >= 1 && var.max_concurrent_invocations_per_instance <= 1000 && floor(var.max_concurrent_invocations_per_instance) == var.max_concurrent_invocations_per_instance
    error_message = "max_concurrent_invocations_per_instance must be a whole number between 1 and 1000."
  }
}

variable "invocation_timeout_seconds" {
  description = "How long the container may take over one request. A caller may ask for less with InvocationTimeoutSeconds; asked for more, the container still gives up here."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.invocation_timeout_seconds >= 1 && var.invocation_timeout_seconds <= 3600 && floor(var.invocation_timeout_seconds) == var.invocation_timeout_seconds
    error_message = "invocation_timeout_seconds must be a whole number between 1 and 3600, for example 900."
  }
}

variable "startup_timeout_seconds" {
  description = "How long a new container may take until it answers /ping."
  type        = number
  default     = 480
  nullable    = false

  validation {
    condition     = var.startup_timeout_seconds >= 60 && var.startup_timeout_seconds <= 3600
    error_message = "startup_timeout_seconds must lie between 60 and 3600 seconds."
  }
}

variable "download_timeout_seconds" {
  description = "How long a new instance may take to fetch the model archive."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.download_timeout_seconds >= 60 && var.download_timeout_seconds <= 3600
    error_message = "download_timeout_seconds must lie between 60 and 3600 seconds."
  }
}

variable "output_location" {
  description = "S3 location under which SageMaker writes answers, such as s3://<bucket>/async/<endpoint>/output/."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.output_location) <= 512 && can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?]*[^*?/]/?$", var.output_location))
    error_message = "output_location must be an S3 prefix of its own without the wildcards * and ?, of at most 512 characters, such as s3://<bucket>/async/<endpoint>/output/; not: ${var.output_location}."
  }
}

variable "failure_location" {
  description = "S3 location under which SageMaker writes why a request failed; another one than output_location."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.failure_location) <= 512 && can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?]*[^*?/]/?$", var.failure_location))
    error_message = "failure_location must be an S3 prefix of its own without the wildcards * and ?, of at most 512 characters, such as s3://<bucket>/async/<endpoint>/failure/; not: ${var.failure_location}."
  }

  validation {
    condition     = trimsuffix(var.failure_location, "/") != trimsuffix(var.output_location, "/")
    error_message = "failure_location must differ from output_location: a client that looks for an answer must not find a failure in its place."
  }
}

variable "topics" {
  description = <<-EOT
    SNS topics that are told of each answer and each failure; null: nobody is told. `include_response_in` puts answers of
    up to 128 KB into the notices themselves: SUCCESS_NOTIFICATION_TOPIC, ERROR_NOTIFICATION_TOPIC or both.
  EOT
  type = object({
    success             = string
    error               = string
    include_response_in = optional(set(string))
  })
  default = null

  validation {
    condition     = alltrue([for topic in coalesce(try(var.topics.include_response_in, null), []) : contains(["SUCCESS_NOTIFICATION_TOPIC", "ERROR_NOTIFICATION_TOPIC"], topic)])
    error_message = "topics.include_response_in may hold \"SUCCESS_NOTIFICATION_TOPIC\" and \"ERROR_NOTIFICATION_TOPIC\", nothing else."
  }
}

variable "execution_role_arn" {
  description = "Role that SageMaker assumes to fetch the image, the archive and requests, to write answers and logs, and to publish notices."
  type        = string
  nullable    = false
}

variable "rollback_alarm_names" {
  description = "CloudWatch alarms that roll an update back. Never empty: adding the first one later would replace the endpoint."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.rollback_alarm_names) >= 1 && length(var.rollback_alarm_names) <= 10
    error_message = "rollback_alarm_names must hold 1 to 10 alarm names; module async_alarms gives them."
  }
}

variable "deployment" {
  description = <<-EOT
    How an update moves the queue from the old instances to the new: as in module multi_container_endpoint. Requests wait
    in the queue meanwhile; none is lost.
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
    condition     = contains(["CANARY", "LINEAR"], var.deployment.strategy) ? var.instance_count >= 2 : true
    error_message = "deployment.strategy \"${var.deployment.strategy}\" shifts at most half of the instances at a time, so instance_count must be at least 2. Raise it, or write strategy = \"ALL_AT_ONCE\"."
  }

  validation {
    condition     = var.deployment.wait_seconds >= 0 && var.deployment.termination_wait_seconds >= 0
    error_message = "deployment.wait_seconds and deployment.termination_wait_seconds must be zero or more."
  }

  # The AWS provider waits 60 minutes for an endpoint and cannot be told otherwise; a quarter of an hour of that is
  # for the new instances to start.
  validation {
    condition     = lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1) * var.deployment.wait_seconds + var.deployment.termination_wait_seconds <= 2700
    error_message = "deployment waits too long: ${lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1)} step(s) of wait_seconds = ${var.deployment.wait_seconds}, and termination_wait_seconds = ${var.deployment.termination_wait_seconds}, may take 2700 seconds (45 minutes) together, because the AWS provider gives up on an update after 60 minutes. Lower wait_seconds or termination_wait_seconds, or take fewer steps with a higher step_percent."
  }

  # The limits leave SageMaker five of the provider's 60 minutes to roll back.
  validation {
    condition     = var.deployment.timeout_seconds >= 600 && var.deployment.timeout_seconds <= 3300
    error_message = "deployment.timeout_seconds must lie between 600 and 3300 seconds (55 minutes): later the AWS provider would have given up on the update."
  }

  validation {
    condition     = lookup({ CANARY = 2, LINEAR = ceil(100 / max(var.deployment.step_percent, 1)), ROLLING = ceil(100 / max(var.deployment.step_percent, 1)) }, var.deployment.strategy, 1) * var.deployment.wait_seconds + var.deployment.termination_wait_seconds < var.deployment.timeout_seconds
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
    Key that encrypts logs, answers, failures and, with `encrypt_volumes`, the instances' storage; null leaves all to the keys
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
  description = "Tags of the model, the configuration and the endpoint."
  type        = map(string)
  default     = {}
  nullable    = false
}
