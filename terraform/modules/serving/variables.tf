variable "environment" {
  description = "Environment: part of every name, and of the SSM parameters /serving/<environment>/…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment))
    error_message = "environment must be 2 to 12 lower-case letters and digits, beginning with a letter, for example \"dev\"."
  }
}

variable "endpoints" {
  description = <<-EOT
    Key => endpoint, which is then called serving-<environment>-<key>. `model` of a container names a model of the
    release; the container's key is its hostname. What the parts mean stands in the modules that take them:
    multi_container_endpoint (mode, variants, deployment, vpc, data_capture), endpoint_autoscaling, endpoint_alarms.
  EOT
  type = map(object({
    mode = string
    variants = map(object({
      instance_type            = string
      instance_count           = optional(number) # null: autoscaling.min, or 1
      weight                   = optional(number)
      startup_timeout_seconds  = optional(number)
      download_timeout_seconds = optional(number)
      containers = map(object({
        model       = string
        order       = optional(number)
        environment = optional(map(string))
      }))
    }))
    autoscaling = optional(object({
      min                        = number
      max                        = number
      invocations_per_instance   = number
      scale_in_cooldown_seconds  = optional(number)
      scale_out_cooldown_seconds = optional(number)
    }))
    alarms = optional(object({
      server_error_percent = optional(number)
      model_error_percent  = optional(number)
      latency_p99_ms       = optional(number)
      memory_percent       = optional(number)
      no_traffic_minutes   = optional(number)
      period_seconds       = optional(number)
      periods              = optional(number)
      periods_to_alarm     = optional(number)
    }), {})
    deployment = optional(object({
      strategy                 = optional(string)
      step_percent             = optional(number)
      wait_seconds             = optional(number)
      termination_wait_seconds = optional(number)
      timeout_seconds          = optional(number)
    }), {})
    kms = optional(object({
      encrypt_volumes = optional(bool, true) # false for instance types with local NVMe disks, which refuse a key
    }), {})
    vpc = optional(object({
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
    data_capture = optional(object({
      sampling_percent = optional(number)
    }))
    metrics_namespace = optional(string)
    tags              = optional(map(string), {})
  }))
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.endpoints) : length(key) <= 28 && can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", key))])
    error_message = "Each key of endpoints must be 1 to 28 lower-case letters and digits with single hyphens between, for example \"korean-nlp\": the endpoint and its role are named after it."
  }

  validation {
    condition = alltrue(flatten([for endpoint in values(var.endpoints) : [for variant in values(endpoint.variants) : [
      for container in values(variant.containers) : contains(keys(try(var.release.models, {})), container.model)
    ]]]))
    error_message = "terraform.tfvars names models that the release does not hold: ${join(", ", distinct(flatten([
      for key, endpoint in var.endpoints : [for name, variant in endpoint.variants : [
        for hostname, container in variant.containers : "${container.model} (endpoints.${key}.variants.${name}.containers.${hostname})"
        if !contains(keys(try(var.release.models, {})), container.model)
      ]]
    ])))}. The release holds: ${join(", ", try(keys(var.release.models), []))}. Correct the name, or run `invoke release --env ${var.environment}` to release the model."
  }

  validation {
    condition = alltrue(flatten([for endpoint in values(var.endpoints) : [for variant in values(endpoint.variants) : [
      for container in values(variant.containers) : try(var.release.models[container.model].image != null, true)
    ]]]))
    error_message = "These models have no image for endpoints, only functions serve them: ${join(", ", distinct(flatten([
      for key, endpoint in var.endpoints : [for name, variant in endpoint.variants : [
        for hostname, container in variant.containers : "${container.model} (endpoints.${key}.variants.${name}.containers.${hostname})"
        if try(var.release.models[container.model].image == null, false)
      ]]
    ])))}. Write them under functions, or give the model's model.toml an image and run `invoke release --env ${var.environment}`."
  }

  # The smallest fleet counts: autoscaling may have shrunk a variant to `min` by the time of the next update.
  validation {
    condition = alltrue([for endpoint in values(var.endpoints) :
      contains(["CANARY", "LINEAR"], coalesce(endpoint.deployment.strategy, "ALL_AT_ONCE")) ? try(endpoint.autoscaling.min, 2) >= 2 : true
    ])
    error_message = "Strategies CANARY and LINEAR shift at most half of a variant's instances at a time, so autoscaling.min must be at least 2; it is not in: ${join(", ", [
      for key, endpoint in var.endpoints : "endpoints.${key}"
      if contains(["CANARY", "LINEAR"], coalesce(endpoint.deployment.strategy, "ALL_AT_ONCE")) && try(endpoint.autoscaling.min, 2) < 2
    ])}. Raise min, or write deployment = { strategy = \"ALL_AT_ONCE\" }."
  }

  # Clients pick a container by its hostname before SageMaker picks the variant.
  validation {
    condition = alltrue([for endpoint in values(var.endpoints) :
      length(distinct([for variant in values(endpoint.variants) : {
        for hostname, container in variant.containers : hostname => try(var.release.models[container.model].task, "")
      }])) == 1
    ])
    error_message = "The variants of an endpoint must have the same container hostnames, each with the same task: a request does not know which variant it meets. Only the models behind them may differ."
  }
}

variable "async_endpoints" {
  description = <<-EOT
    Key => asynchronous endpoint, which is then called serving-<environment>-<key>. `model` names a model of the release.
    What the parts mean stands in the modules that take them: async_endpoint, async_notifications, async_autoscaling,
    async_alarms. `input_locations` are S3 locations beside the endpoint's own that requests may be read from, and
    `input_kms_key_arns` the keys of those buckets. Without `autoscaling` the number of instances is fixed.
  EOT
  type = map(object({
    model                                   = string
    instance_type                           = string
    instance_count                          = optional(number) # null: autoscaling.min, or 1
    environment                             = optional(map(string), {})
    max_concurrent_invocations_per_instance = optional(number)
    invocation_timeout_seconds              = optional(number)
    startup_timeout_seconds                 = optional(number)
    download_timeout_seconds                = optional(number)
    input_locations                         = optional(set(string), [])
    input_kms_key_arns                      = optional(set(string), [])
    notifications = optional(object({
      client_queue               = optional(bool)
      retention_seconds          = optional(number)
      visibility_timeout_seconds = optional(number)
      include_response_in        = optional(set(string))
      error_emails               = optional(set(string))
    }), {})
    autoscaling = optional(object({
      min                        = number
      max                        = number
      backlog_per_instance       = number
      scale_in_cooldown_seconds  = optional(number)
      scale_out_cooldown_seconds = optional(number)
      wake_cooldown_seconds      = optional(number)
    }))
    alarms = optional(object({
      server_error_percent             = optional(number)
      failure_percent                  = optional(number)
      failures_at_least                = optional(number)
      oldest_request_seconds           = optional(number)
      backlog_without_capacity_minutes = optional(number)
      expired_requests                 = optional(number)
      notification_failures            = optional(number)
      memory_percent                   = optional(number)
      period_seconds                   = optional(number)
      periods                          = optional(number)
      periods_to_alarm                 = optional(number)
    }), {})
    deployment = optional(object({
      strategy                 = optional(string)
      step_percent             = optional(number)
      wait_seconds             = optional(number)
      termination_wait_seconds = optional(number)
      timeout_seconds          = optional(number)
    }), {})
    kms = optional(object({
      encrypt_volumes = optional(bool, true) # false for instance types with local NVMe disks, which refuse a key
    }), {})
    vpc = optional(object({
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
    metrics_namespace = optional(string)
    tags              = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.async_endpoints) : length(key) <= 28 && can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", key))])
    error_message = "Each key of async_endpoints must be 1 to 28 lower-case letters and digits with single hyphens between, for example \"image-segmentation\": the endpoint, its role, topics and queue are named after it."
  }

  validation {
    condition     = length(setintersection(keys(var.async_endpoints), keys(var.endpoints))) == 0
    error_message = "endpoints and async_endpoints must not share keys, because both are called serving-${var.environment}-<key>; shared: ${join(", ", setintersection(keys(var.async_endpoints), keys(var.endpoints)))}. Rename one."
  }

  validation {
    condition = alltrue([for endpoint in values(var.async_endpoints) : contains(keys(try(var.release.models, {})), endpoint.model)])
    error_message = "terraform.tfvars names models that the release does not hold: ${join(", ", [
      for key, endpoint in var.async_endpoints : "${endpoint.model} (async_endpoints.${key})" if !contains(keys(try(var.release.models, {})), endpoint.model)
    ])}. The release holds: ${join(", ", try(keys(var.release.models), []))}. Correct the name, or run `invoke release --env ${var.environment}` to release the model."
  }

  validation {
    condition = alltrue([for endpoint in values(var.async_endpoints) : try(var.release.models[endpoint.model].image != null, true)])
    error_message = "These models have no image for endpoints, only functions serve them: ${join(", ", [
      for key, endpoint in var.async_endpoints : "${endpoint.model} (async_endpoints.${key})" if try(var.release.models[endpoint.model].image == null, false)
    ])}. Write them under functions, or give the model's model.toml an image and run `invoke release --env ${var.environment}`."
  }

  # As for `endpoints`: autoscaling may have shrunk the endpoint to `min` by the time of the next update.
  validation {
    condition = alltrue([for endpoint in values(var.async_endpoints) :
      contains(["CANARY", "LINEAR"], coalesce(endpoint.deployment.strategy, "ALL_AT_ONCE")) ? try(endpoint.autoscaling.min, 2) >= 2 : true
    ])
    error_message = "Strategies CANARY and LINEAR shift at most half of the instances at a time, so autoscaling.min must be at least 2; it is not in: ${join(", ", [
      for key, endpoint in var.async_endpoints : "async_endpoints.${key}"
      if contains(["CANARY", "LINEAR"], coalesce(endpoint.deployment.strategy, "ALL_AT_ONCE")) && try(endpoint.autoscaling.min, 2) < 2
    ])}. Raise min, or write deployment = { strategy = \"ALL_AT_ONCE\" }."
  }
}

variable "release" {
  description = <<-EOT
    Image name => image by digest, and model name => its task, the image and archive with which endpoints serve it, and the image
    that holds it for Lambda functions; a model has one or both. Written by `invoke release` to release.auto.tfvars.json.
  EOT
  type = object({
    images = map(string)
    models = map(object({
      task           = string
      image          = optional(string)
      archive        = optional(string)
      function_image = optional(string)
    }))
  })
  default = null

  validation {
    condition     = var.release != null
    error_message = "There is no release for environment \"${var.environment}\" yet. Run `invoke release --env ${var.environment}`: it builds images and archives and writes release.auto.tfvars.json."
  }

  validation {
    condition = alltrue(flatten([for model in values(try(var.release.models, {})) : [
      for image in [model.image, model.function_image] : image == null || contains(keys(var.release.images), coalesce(image, "none"))
    ]]))
    error_message = "release.models names images that release.images does not hold: ${join(", ", distinct(flatten([for model in values(try(var.release.models, {})) : [
      for image in [model.image, model.function_image] : image if image != null && !contains(keys(try(var.release.images, {})), coalesce(image, "none"))
    ]])))}. Run `invoke release --env ${var.environment}` again instead of editing the file."
  }

  validation {
    condition     = alltrue([for model in values(try(var.release.models, {})) : (model.image == null) == (model.archive == null)])
    error_message = "An image that endpoints use needs an archive, and an archive an image; one is missing in release.models of: ${join(", ", [for name, model in try(var.release.models, {}) : name if(model.image == null) != (model.archive == null)])}. Run `invoke release --env ${var.environment}` again instead of editing the file."
  }
}

variable "alarm_emails" {
  description = "Addresses that are told of alarms; each has to confirm once."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "How long the containers' logs are kept."
  type        = number
  default     = 30
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where the account demands one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource, beside those of the provider."
  type        = map(string)
  default     = {}
  nullable    = false
}
