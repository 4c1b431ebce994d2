locals {
  # The form is python/contracts/serving_contracts/catalog.py's; `version` counts changes that clients must know of.
  json = jsonencode({
    version     = 1
    environment = var.environment
    region      = var.region

    # What is absent is left out instead of null: it takes room in the parameter, and few endpoints are pipelines.
    endpoints = { for key, endpoint in var.endpoints : key => merge(
      { for field, value in endpoint : field => value if !contains(["async", "serverless", "function"], field) },
      {
        containers = { for hostname, container in endpoint.containers : hostname => {
          for field, value in container : field => value if value != null
        } }
      },
      endpoint.async == null ? {} : { async = { for field, value in endpoint.async : field => value if value != null } },
      endpoint.serverless == null ? {} : { serverless = endpoint.serverless },
      endpoint.function == null ? {} : { function = { for field, value in endpoint.function : field => value if value != null } },
    ) }
  })
}

resource "aws_ssm_parameter" "this" {
  name           = "/serving/${var.environment}/catalog"
  description    = "What is served in ${var.environment}: read by serving_clients.connect(\"${var.environment}\")."
  type           = "String"
  tier           = length(local.json) > 4096 ? "Advanced" : "Standard"
  insecure_value = local.json # names only, nothing secret: plans may show it
  tags           = var.tags

  lifecycle {
    precondition {
      condition     = length(local.json) <= 8192
      error_message = "The catalog of ${var.environment} has ${length(local.json)} characters; an SSM parameter holds 8192. Move some endpoints to another environment."
    }
  }
}
