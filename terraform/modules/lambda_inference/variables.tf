variable "name" {
  description = "Name of the function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens and underscores, for example \"serving-dev-object-detection\"."
  }
}

variable "image" {
  description = "Image by digest, in a repository of the function's region; the model is in it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must name an ECR image by digest: <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>. A tag may move, and Lambda would not notice."
  }
}

variable "image_config" {
  description = "What is started instead of what the image says; null: what the image says."
  type = object({
    entry_point       = optional(list(string))
    command           = optional(list(string))
    working_directory = optional(string)
  })
  default = null

  validation {
    condition     = var.image_config == null ? true : anytrue([for part in [var.image_config.entry_point, var.image_config.command, var.image_config.working_directory] : part != null && try(length(part) > 0, true)])
    error_message = "image_config must say entry_point, command or working_directory; leave it out to start what the image says."
  }
}

variable "architecture" {
  description = "Processor that the image was built for."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be \"x86_64\" or \"arm64\", not \"${var.architecture}\"."
  }
}

variable "role_arn" {
  description = "Role under which the function runs; module lambda_role makes it."
  type        = string
  nullable    = false
}

variable "memory_mb" {
  description = "Memory of an execution environment. Processors come with it: 1769 MB bring one vCPU, 10240 six."
  type        = number
  default     = 1769
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "memory_mb must be a whole number between 128 and 10240, for example 1769, which is one vCPU."
  }
}

variable "tmp_mb" {
  description = "Size of /tmp, the only place to which the function may write."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.tmp_mb >= 512 && var.tmp_mb <= 10240 && floor(var.tmp_mb) == var.tmp_mb
    error_message = "tmp_mb must be a whole number between 512 and 10240."
  }
}

variable "timeout_seconds" {
  description = "How long an invocation may take; then Lambda ends the execution environment."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900 && floor(var.timeout_seconds) == var.timeout_seconds
    error_message = "timeout_seconds must be a whole number between 1 and 900 (15 minutes), for example 30."
  }
}

variable "environment" {
  description = "Environment variables, beside those that Lambda sets."
  type        = map(string)
  default     = {}
  nullable    = false

  # "Defined runtime environment variables", Lambda guide; AWS_ACCESS_KEY stands there, too.
  validation {
    condition = length(setintersection(keys(var.environment), [
      "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
      "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
      "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
      "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    ])) == 0
    error_message = "environment must not name variables that Lambda sets itself: ${join(", ", [for name in keys(var.environment) : name if can(regex("^(_|AWS_|LAMBDA_)", name))])}. Give yours another name."
  }

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name))])
    error_message = "Names in environment must be two or more letters, digits and underscores, beginning with a letter, for example SERVING_THREADS."
  }

  validation {
    condition     = sum(concat([0], [for name, value in var.environment : length(name) + length(value)])) <= 4096
    error_message = "environment holds ${sum(concat([0], [for name, value in var.environment : length(name) + length(value)]))} characters; Lambda takes 4096 bytes. Put what is longer into the image or into SSM."
  }
}

variable "reserved_concurrency" {
  description = "Execution environments that this function alone may use, and no more of them; null: it shares those of the account."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency must be a whole number of at least 1: with 0 no new version could be tried out. To stop a function at once run `aws lambda put-function-concurrency --function-name ${var.name} --reserved-concurrent-executions 0`; the next apply starts it again."
  }
}

variable "canary" {
  description = <<-EOT
    Leaves `live` on `stable_version` and gives the newest version `weight` of its requests: 0.1 is a tenth. 0 gives it none,
    which is the way back to an older version. null: `live` is the newest version.
  EOT
  type = object({
    stable_version = string
    weight         = number
  })
  default = null

  validation {
    condition     = var.canary == null ? true : can(regex("^[1-9][0-9]*$", var.canary.stable_version))
    error_message = "canary.stable_version must be the number of a published version in quotes, such as \"3\"; the output functions says which is the newest."
  }

  validation {
    condition     = var.canary == null ? true : var.canary.weight >= 0 && var.canary.weight < 1
    error_message = "canary.weight must be 0 or more and below 1: 0.1 gives the newest version a tenth of the requests. For all of them leave canary out."
  }
}

variable "url" {
  description = <<-EOT
    Gives `live` an HTTPS URL; null: none. `authorization` is AWS_IAM (requests are signed) or NONE (everybody may call). `cors`
    says which web pages may call it from a browser.
  EOT
  type = object({
    authorization = optional(string, "AWS_IAM")
    cors = optional(object({
      allow_origins     = set(string)
      allow_methods     = optional(set(string), ["POST"])
      allow_headers     = optional(set(string), ["content-type", "accept"])
      expose_headers    = optional(set(string))
      allow_credentials = optional(bool, false)
      max_age_seconds   = optional(number, 300)
    }))
  })
  default = null

  validation {
    condition     = var.url == null ? true : contains(["AWS_IAM", "NONE"], var.url.authorization)
    error_message = "url.authorization must be \"AWS_IAM\", or \"NONE\" for a URL that everybody may call."
  }

  validation {
    condition     = try(var.url.cors, null) == null ? true : length(var.url.cors.allow_origins) >= 1 && alltrue([for method in var.url.cors.allow_methods : contains(["*", "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"], method)])
    error_message = "url.cors needs allow_origins, such as [\"https://app.example.com\"], and allow_methods among *, GET, POST, PUT, DELETE, HEAD and PATCH; Lambda answers OPTIONS itself."
  }

  validation {
    condition     = try(var.url.cors, null) == null ? true : !(var.url.cors.allow_credentials && contains(var.url.cors.allow_origins, "*"))
    error_message = "url.cors.allow_credentials needs allow_origins by name: browsers send no credentials to a URL that allows every page."
  }

  validation {
    condition     = try(var.url.cors, null) == null ? true : var.url.cors.max_age_seconds >= 0 && var.url.cors.max_age_seconds <= 86400
    error_message = "url.cors.max_age_seconds must lie between 0 and 86400 (a day)."
  }
}

variable "dead_letter_queue" {
  description = "Queue that gets each event that failed for good, whichever version or alias was called; null: none. Module lambda_failure_queue makes it."
  type = object({
    arn = string
  })
  default = null
}

variable "logging" {
  description = "`format` is Text or JSON. With JSON, `application_level` (INFO) is the least that the function's own lines must have, `system_level` (INFO) that of Lambda's."
  type = object({
    format            = optional(string, "Text")
    application_level = optional(string)
    system_level      = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["Text", "JSON"], var.logging.format)
    error_message = "logging.format must be \"Text\" or \"JSON\", not \"${var.logging.format}\"."
  }

  validation {
    condition     = var.logging.format == "JSON" ? true : var.logging.application_level == null && var.logging.system_level == null
    error_message = "logging.application_level and logging.system_level need format = \"JSON\": Lambda cannot tell the level of plain lines."
  }

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], coalesce(var.logging.application_level, "INFO")) && contains(["DEBUG", "INFO", "WARN"], coalesce(var.logging.system_level, "INFO"))
    error_message = "logging.application_level must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL, logging.system_level DEBUG, INFO or WARN."
  }
}

variable "tracing" {
  description = "Whether Lambda sends traces of sampled invocations to X-Ray. Without, only those are traced whose caller asks for it."
  type        = bool
  default     = false
  nullable    = false
}

variable "vpc" {
  description = "Subnets and security groups of the function; null leaves it outside any VPC of yours."
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

variable "kms_key_arn" {
  description = "Key that encrypts the environment and the logs; null leaves both to the keys that AWS manages."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>), not an alias or an id."
  }
}

variable "log_retention_days" {
  description = "How long the function's logs are kept."
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
  description = "Tags of the function and its log group."
  type        = map(string)
  default     = {}
  nullable    = false
}
