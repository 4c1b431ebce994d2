variable "environment" {
  description = "Environment that reads this foundation through the SSM parameter /serving/<environment>/foundation."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment must be 2 to 12 lower-case letters and digits, beginning with a letter, for example \"dev\"."
  }
}

variable "name" {
  description = "Prefix of every name made here. Give a second foundation in the same account and region another one."
  type        = string
  default     = "serving"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 lower-case letters, digits and hyphens, beginning with a letter, for example \"serving\"."
  }
}

variable "region" {
  description = "AWS region of everything made here."
  type        = string
  default     = "ap-northeast-2"
  nullable    = false
}

variable "allowed_account_ids" {
  description = "Accounts this may be applied to; any other one is refused before anything is read. Null: no check."
  type        = set(string)
  default     = null
}

variable "images" {
  description = "Image name => options of its ECR repository, which is called <name>-<image with dashes>. Names are the folders of python/model_code/images; those that begin with lambda_ are for Lambda functions, which may pull them."
  type = map(object({
    keep_images = optional(number, 200)
  }))
  default = {
    gluoncv          = {}
    lambda_detection = {}
    lambda_sentiment = {}
    nlp_onnx         = {}
  }
  nullable = false

  validation {
    condition     = alltrue([for image in keys(var.images) : can(regex("^[a-z][a-z0-9]*(_[a-z0-9]+)*$", image))])
    error_message = "Each key of images must be a folder name such as \"nlp_onnx\": lower-case words joined by single underscores."
  }

  validation {
    condition     = alltrue([for options in values(var.images) : options.keep_images >= 10 && floor(options.keep_images) == options.keep_images])
    error_message = "keep_images must be a whole number of at least 10: an endpoint that scales out pulls its image again, so images in use must not expire."
  }
}

variable "state_bucket" {
  description = "Whether to make the bucket that holds the Terraform state of dev, staging and prod."
  type        = bool
  default     = false
  nullable    = false
}

variable "expire_data_days" {
  description = "Days after which requests and answers of asynchronous endpoints are deleted from the data bucket; null keeps them for ever."
  type        = number
  default     = 30

  validation {
    condition     = var.expire_data_days == null ? true : var.expire_data_days >= 1 && floor(var.expire_data_days) == var.expire_data_days
    error_message = "expire_data_days must be a whole number of at least 1, for example 30, or null to keep everything."
  }
}

variable "lifecycle_rules" {
  description = "Whether buckets get rules that expire data, old versions and abandoned uploads. False where the buckets live for a day: the provider watches new rules for 50 seconds until it trusts them."
  type        = bool
  default     = true
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroy also deletes objects and images that are still there, and the key after the shortest wait. For environments that may be thrown away only."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of every resource, beside Project, Environment and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false
}
