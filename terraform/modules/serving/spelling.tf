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

locals {
  written_parts = ["autoscaling", "alarms", "deployment", "kms", "vpc", "data_capture"]

  written_async_parts = ["notifications", "autoscaling", "alarms", "deployment", "kms", "vpc"]

  # Every object of the values: where it stands, the keys it was written with, the keys that its type knows.
  written_objects = concat(local.written_endpoints, local.written_async_endpoints)

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

  unknown_attributes = flatten([for object in local.written_objects : [
    for attribute in setsubtract(object.written, object.known) :
    "${object.path}.${attribute} (known there: ${join(", ", object.known)})"
  ]])
}
