variable "name" {
  description = "Name of the endpoint."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.name) <= 63 && can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", var.name))
    error_message = "name must be 1 to 63 letters, digits and hyphens, with no hyphen at either end, for example \"serving-dev-sentiment\"."
  }
}

variable "variant_name" {
  description = "Name of the only variant: a serverless endpoint has no others."
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
    error_message = "container.archive must be an S3 URL that ends in .tar.gz, for example s3://<bucket>/models/sentiment/<sha256>/model.tar.gz."
  }

  validation {
    condition     = length(setintersection(keys(var.container.environment), ["SERVING_MAX_BODY_BYTES", "SERVING_TIMEOUT_SECONDS"])) == 0
    error_message = "container.environment must not name SERVING_MAX_BODY_BYTES or SERVING_TIMEOUT_SECONDS: AWS sets both for serverless endpoints, at 4 MiB and 60 seconds."
  }
}

variable "memory_mb" {
  description = "Memory of an execution environment; processors come with it."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = contains([1024, 2048, 3072, 4096, 5120, 6144], var.memory_mb)
    error_message = "memory_mb must be 1024, 2048, 3072, 4096, 5120 or 6144: SageMaker knows no other sizes."
  }
}

variable "max_concurrency" {
  description = "Requests that the endpoint takes at the same time; more are throttled. It counts towards the account's quota of serverless concurrency."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_concurrency >= 1 && var.max_concurrency <= 200 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency must be a whole number between 1 and 200."
  }
}

variable "provisioned_concurrency" {
  description = "Environments that are kept ready, and with which every update starts; null: none, and the first request after a pause waits for a cold start."
  type        = number
  default     = null

  validation {
    condition     = var.provisioned_concurrency == null ? true : var.provisioned_concurrency >= 1 && floor(var.provisioned_concurrency) == var.provisioned_concurrency
    error_message = "provisioned_concurrency must be a whole number of at least 1; for none leave it out, and autoscaling with it."
  }

  validation {
    condition     = var.provisioned_concurrency == null ? true : var.provisioned_concurrency <= var.max_concurrency
    error_message = "provisioned_concurrency must not be above max_concurrency (${var.max_concurrency}): environments that are kept ready are among those that it allows."
  }
}

variable "execution_role_arn" {
  description = "Role that SageMaker assumes to fetch the image and the archive, and to write logs."
  type        = string
  nullable    = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the logs; null leaves them to the key that AWS manages."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id."
  }
}

variable "log_retention_days" {
  description = "How long the container's logs are kept."
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
