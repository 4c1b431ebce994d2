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
