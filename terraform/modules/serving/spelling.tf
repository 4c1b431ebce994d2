# Terraform drops what a variable's type does not know, silently: `autoscalling = { … }` would give no autoscaling. So the
# same values come a second time, untyped, and their keys are compared with the types'.

variable "endpoints_as_written" {
  description = "The value of `endpoints` once more: attributes that its type does not know are refused instead of dropped."
  type        = any
  default     = {}
  nullable    = false
}

variable "async_endpoints_as_written" {
  description = "The value of `async_endpoints` once more: attributes that its type does not know are refused instead of dropped."
  type        = any
  default     = {}
  nullable    = false
}

variable "serverless_endpoints_as_written" {
  description = "The value of `serverless_endpoints` once more: attributes that its type does not know are refused instead of dropped."
  type        = any
  default     = {}
  nullable    = false
}

variable "functions_as_written" {
  description = "The value of `functions` once more: attributes that its type does not know are refused instead of dropped."
  type        = any
  default     = {}
  nullable    = false
}

locals {
  written_parts = ["autoscaling", "alarms", "deployment", "kms", "vpc", "data_capture"]

  written_async_parts = ["notifications", "autoscaling", "alarms", "deployment", "kms", "vpc"]

  written_serverless_parts = ["autoscaling", "alarms"]

  written_function_parts = ["image_config", "autoscaling", "canary", "url", "events", "logging", "vpc", "alarms"]

  # What other endpoints have and SageMaker refuses here, late (SageMaker guide, "Deploy models with Amazon SageMaker
  # Serverless Inference").
  not_serverless = {
    variants       = "a serverless endpoint has one variant"
    containers     = "a serverless endpoint has one container, which model names"
    mode           = "a serverless endpoint has one container, which model names"
    vpc            = "SageMaker runs no serverless endpoint in a VPC"
    data_capture   = "SageMaker captures no data of serverless endpoints"
    deployment     = "deployment guardrails are for endpoints with instances"
    kms            = "there are no volumes to encrypt"
    instance_type  = "there are no instances, write memory_mb"
    instance_count = "there are no instances, write max_concurrency"
    notifications  = "only asynchronous endpoints have them"
  }

  # Every object of the values: where it stands, the keys it was written with, the keys that its type knows.
  written_objects = concat(local.written_endpoints, local.written_async_endpoints, local.written_serverless_endpoints, local.written_functions)

  written_endpoints = flatten([for key, written in var.endpoints_as_written : concat(
    [{ path = "endpoints.${key}", written = keys(written), known = keys(var.endpoints[key]) }],
    [for part in local.written_parts : {
      path    = "endpoints.${key}.${part}"
      written = try(keys(written[part]), [])
      known   = try(keys(var.endpoints[key][part]), [])
    }],
    flatten([for name, variant in written.variants : concat(
      [{ path = "endpoints.${key}.variants.${name}", written = keys(variant), known = keys(var.endpoints[key].variants[name]) }],
      [for hostname, container in variant.containers : {
        path    = "endpoints.${key}.variants.${name}.containers.${hostname}"
        written = keys(container)
        known   = keys(var.endpoints[key].variants[name].containers[hostname])
      }],
    )]),
  )])

  written_async_endpoints = flatten([for key, written in var.async_endpoints_as_written : concat(
    [{ path = "async_endpoints.${key}", written = keys(written), known = keys(var.async_endpoints[key]) }],
    [for part in local.written_async_parts : {
      path    = "async_endpoints.${key}.${part}"
      written = try(keys(written[part]), [])
      known   = try(keys(var.async_endpoints[key][part]), [])
    }],
  )])

  written_serverless_endpoints = flatten([for key, written in var.serverless_endpoints_as_written : concat(
    [{ path = "serverless_endpoints.${key}", written = keys(written), known = keys(var.serverless_endpoints[key]), reasons = local.not_serverless }],
    [for part in local.written_serverless_parts : {
      path    = "serverless_endpoints.${key}.${part}"
      written = try(keys(written[part]), [])
      known   = try(keys(var.serverless_endpoints[key][part]), [])
      reasons = {}
    }],
  )])

  written_functions = flatten([for key, written in var.functions_as_written : concat(
    [{ path = "functions.${key}", written = keys(written), known = keys(var.functions[key]) }],
    [for part in local.written_function_parts : {
      path    = "functions.${key}.${part}"
      written = try(keys(written[part]), [])
      known   = try(keys(var.functions[key][part]), [])
    }],
    [{
      path    = "functions.${key}.url.cors"
      written = try(keys(written.url.cors), [])
      known   = try(keys(var.functions[key].url.cors), [])
    }],
  )])

  unknown_attributes = flatten([for object in local.written_objects : [
    for attribute in setsubtract(object.written, object.known) :
    "${object.path}.${attribute} (${try("${object.reasons[attribute]}; ", "")}known there: ${join(", ", object.known)})"
  ]])
}
