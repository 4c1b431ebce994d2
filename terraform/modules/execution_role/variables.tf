variable "name" {
  description = "Name of the role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits or the characters + = , . @ _ -: IAM allows no others in a role's name."
  }
}

variable "endpoint_name" {
  description = "Endpoint whose containers run under this role: it may write that endpoint's log group and no other."
  type        = string
  nullable    = false
}

variable "images" {
  description = "Images, by digest, that may be pulled."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.images) >= 1 && alltrue([for image in var.images : can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[^@:]+@sha256:[0-9a-f]{64}$", image))])
    error_message = "images must hold ECR images by digest: <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<64 hex digits>."
  }
}

variable "archives" {
  description = "S3 URLs of the model archives that may be read."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.archives) >= 1 && alltrue([for archive in var.archives : can(regex("^s3://[^/*?]+/[^*?]+$", archive))])
    error_message = "archives must hold S3 URLs of single objects (s3://<bucket>/<key>) without the wildcards * and ?."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the archives and captured data; null: no key of yours is used."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups in which SageMaker makes network interfaces; null: none."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null
}

variable "data_capture" {
  description = "Where captured requests and answers are written; null: nowhere."
  type = object({
    s3_uri = string
  })
  default = null
}

variable "asynchronous" {
  description = <<-EOT
    For an asynchronous endpoint: S3 locations that requests are read from and that answers and failures are written to
    (each covers everything under it), and the topics that get notices; null: none. `input_kms_key_arns` are the keys of
    input buckets that are encrypted with others than `kms_key_arn`.
  EOT
  type = object({
    input_locations    = set(string)
    output_locations   = set(string)
    topic_arns         = set(string)
    input_kms_key_arns = optional(set(string), [])
  })
  default = null

  validation {
    condition = var.asynchronous == null ? true : (
      length(var.asynchronous.input_locations) >= 1 && length(var.asynchronous.output_locations) >= 1 &&
      alltrue([for location in setunion(var.asynchronous.input_locations, var.asynchronous.output_locations) : can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?]*)?$", location))])
    )
    error_message = "asynchronous.input_locations and asynchronous.output_locations must hold S3 locations (s3://<bucket>/<prefix>/) without the wildcards * and ?."
  }

  validation {
    condition     = var.asynchronous == null ? true : alltrue([for arn in var.asynchronous.input_kms_key_arns : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[^*]+$", arn))])
    error_message = "asynchronous.input_kms_key_arns must hold ARNs of keys (arn:aws:kms:<region>:<account>:key/<id>), not aliases or ids."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace to which a handler may publish metrics of its own; null: none. SageMaker's own metrics need no permission."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role, where the account demands one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
  nullable    = false
}
