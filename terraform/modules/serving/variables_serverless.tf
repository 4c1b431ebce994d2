variable "functions" {
  description = <<-EOT
    Key => Lambda function, which is then called serving-<environment>-<key>. `model` names a model of the release that has an
    image for functions. What the parts mean stands in the modules that take them: lambda_inference,
    lambda_events, lambda_failure_queue, lambda_concurrency, lambda_alarms.
  EOT
  type = map(object({
    model = string
    image_config = optional(object({
      entry_point       = optional(list(string))
      command           = optional(list(string))
      working_directory = optional(string)
    }))
    architecture            = optional(string)
    memory_mb               = optional(number)
    tmp_mb                  = optional(number)
    timeout_seconds         = optional(number)
    environment             = optional(map(string))
    reserved_concurrency    = optional(number)
    provisioned_concurrency = optional(number) # null: autoscaling.min, or none
    autoscaling = optional(object({
      min                        = number
      max                        = number
      utilization                = optional(number)
      scale_in_cooldown_seconds  = optional(number)
      scale_out_cooldown_seconds = optional(number)
    }))
    canary = optional(object({
      stable_version = string
      weight         = number
    }))
    url = optional(object({
      authorization = optional(string)
      cors = optional(object({
        allow_origins     = set(string)
        allow_methods     = optional(set(string))
        allow_headers     = optional(set(string))
        expose_headers    = optional(set(string))
        allow_credentials = optional(bool)
        max_age_seconds   = optional(number)
      }))
    }))
    events = optional(object({
      retries           = optional(number)
      max_age_seconds   = optional(number)
      failure_queue     = optional(bool, true)  # records of failed events: event, answer, reason
      dead_letter_queue = optional(bool, false) # the bare events
      retention_seconds = optional(number)
    }), {})
    logging = optional(object({
      format            = optional(string, "Text")
      application_level = optional(string)
      system_level      = optional(string)
    }), {})
    tracing = optional(bool, false)
    vpc = optional(object({
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
    alarms = optional(object({
      error_percent     = optional(number)
      errors_at_least   = optional(number)
      throttles         = optional(number)
      spillovers        = optional(number)
      duration_percent  = optional(number)
      init_ms           = optional(number)
      event_age_seconds = optional(number)
      dropped_events    = optional(number)
      lost_failures     = optional(number)
      waiting_failures  = optional(number)
      period_seconds    = optional(number)
      periods           = optional(number)
      periods_to_alarm  = optional(number)
    }), {})
    metrics_namespace = optional(string)
    tags              = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.functions) : length(key) <= 28 && can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", key))])
    error_message = "Each key of functions must be 1 to 28 lower-case letters and digits with single hyphens between, for example \"object-detection\": the function, its role and queues are named after it."
  }

  validation {
    condition     = length(setintersection(keys(var.functions), concat(keys(var.endpoints), keys(var.async_endpoints), keys(var.serverless_endpoints)))) == 0
    error_message = "functions must share no key with endpoints, async_endpoints or serverless_endpoints, because the catalog holds them all under their keys; shared: ${join(", ", setintersection(keys(var.functions), concat(keys(var.endpoints), keys(var.async_endpoints), keys(var.serverless_endpoints))))}. Rename one."
  }

  validation {
    condition = alltrue([for function in values(var.functions) : contains(keys(try(var.release.models, {})), function.model)])
    error_message = "terraform.tfvars names models that the release does not hold: ${join(", ", [
      for key, function in var.functions : "${function.model} (functions.${key})" if !contains(keys(try(var.release.models, {})), function.model)
    ])}. The release holds: ${join(", ", try(keys(var.release.models), []))}. Correct the name, or run `invoke release --env ${var.environment}` to release the model."
  }

  validation {
    condition = alltrue([for function in values(var.functions) : try(var.release.models[function.model].function_image != null, true)])
    error_message = "These models have no image for Lambda functions in the release: ${join(", ", [
      for key, function in var.functions : "${function.model} (functions.${key})" if try(var.release.models[function.model].function_image == null, false)
    ])}. Run `invoke release --env ${var.environment}`; it finds the image whose image.toml (python/model_code/images) says model = \"<name>\". Of an account in AWS name it: --image <its name>=<registry>/<repository>@sha256:<digest> (docs/deploy.md)."
  }

  validation {
    condition = alltrue([for function in values(var.functions) : function.canary == null || (function.provisioned_concurrency == null && function.autoscaling == null)])
    error_message = "An alias with provisioned concurrency cannot share its requests between two versions (Lambda: \"Alias with weights can not be used with Provisioned Concurrency\"); both are asked for in: ${join(", ", [
      for key, function in var.functions : "functions.${key}" if function.canary != null && (function.provisioned_concurrency != null || function.autoscaling != null)
    ])}. Leave provisioned_concurrency and autoscaling out while the canary lasts, or leave out the canary."
  }
}

variable "serverless_endpoints" {
  description = <<-EOT
    Key => serverless endpoint, which is then called serving-<environment>-<key>. `model` names a model of the release. What the
    parts mean stands in the modules that take them: serverless_endpoint, serverless_autoscaling, serverless_alarms.
  EOT
  type = map(object({
    model                   = string
    max_concurrency         = number
    memory_mb               = optional(number)
    provisioned_concurrency = optional(number) # null: autoscaling.min, or none
    environment             = optional(map(string), {})
    autoscaling = optional(object({
      min                        = number
      max                        = number
      utilization                = optional(number)
      scale_in_cooldown_seconds  = optional(number)
      scale_out_cooldown_seconds = optional(number)
    }))
    alarms = optional(object({
      server_error_percent = optional(number)
      concurrency_percent  = optional(number)
      setup_ms             = optional(number)
      latency_p99_ms       = optional(number)
      spillovers           = optional(number)
      memory_percent       = optional(number)
      period_seconds       = optional(number)
      periods              = optional(number)
      periods_to_alarm     = optional(number)
    }), {})
    metrics_namespace = optional(string)
    tags              = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.serverless_endpoints) : length(key) <= 28 && can(regex("^[a-z0-9]+(-[a-z0-9]+)*$", key))])
    error_message = "Each key of serverless_endpoints must be 1 to 28 lower-case letters and digits with single hyphens between, for example \"sentiment-serverless\": the endpoint and its role are named after it."
  }

  validation {
    condition     = length(setintersection(keys(var.serverless_endpoints), concat(keys(var.endpoints), keys(var.async_endpoints)))) == 0
    error_message = "serverless_endpoints must share no key with endpoints or async_endpoints, because all are called serving-${var.environment}-<key>; shared: ${join(", ", setintersection(keys(var.serverless_endpoints), concat(keys(var.endpoints), keys(var.async_endpoints))))}. Rename one."
  }

  validation {
    condition = alltrue([for endpoint in values(var.serverless_endpoints) : contains(keys(try(var.release.models, {})), endpoint.model)])
    error_message = "terraform.tfvars names models that the release does not hold: ${join(", ", [
      for key, endpoint in var.serverless_endpoints : "${endpoint.model} (serverless_endpoints.${key})" if !contains(keys(try(var.release.models, {})), endpoint.model)
    ])}. The release holds: ${join(", ", try(keys(var.release.models), []))}. Correct the name, or run `invoke release --env ${var.environment}` to release the model."
  }

  validation {
    condition = alltrue([for endpoint in values(var.serverless_endpoints) : try(var.release.models[endpoint.model].image != null, true)])
    error_message = "These models have no image for endpoints, only functions serve them: ${join(", ", [
      for key, endpoint in var.serverless_endpoints : "${endpoint.model} (serverless_endpoints.${key})" if try(var.release.models[endpoint.model].image == null, false)
    ])}. Write them under functions, or give the model's model.toml an image and run `invoke release --env ${var.environment}`."
  }
}
