# Terraform drops what a variable's type does not know, silently: `autoscalling = { … }` would give no autoscaling. So the
# same value comes a second time, untyped, and its keys are compared with the type's.

variable "endpoints_as_written" {
  description = "The value of `endpoints` once more: attributes that its type does not know are refused instead of dropped."
  type        = any
  default     = {}
  nullable    = false
}

locals {
  written_parts = ["autoscaling", "alarms", "deployment", "kms", "vpc", "data_capture"]

  # Every object of the value: where it stands, the keys it was written with, the keys that its type knows.
  written_objects = flatten([for key, written in var.endpoints_as_written : concat(
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

  unknown_attributes = flatten([for object in local.written_objects : [
    for attribute in setsubtract(object.written, object.known) :
    "${object.path}.${attribute} (known there: ${join(", ", object.known)})"
  ]])
}
