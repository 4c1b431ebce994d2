data "aws_region" "current" {}

# Made before the function writes its first line: a group that Lambda makes keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

# Whatever of it changes, but concurrency and tags, publishes a new version. Old versions stay, for a canary and for going back.
resource "aws_lambda_function" "this" {
  function_name                  = var.name
  role                           = var.role_arn
  package_type                   = "Image"
  image_uri                      = var.image
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  publish                        = true
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)

  # Without an environment there is nothing to encrypt, and Lambda forgets the key: every plan would want to set it anew.
  kms_key_arn = length(var.environment) > 0 ? var.kms_key_arn : null

  ephemeral_storage {
    size = var.tmp_mb
  }

  dynamic "image_config" {
    for_each = var.image_config[*]

    content {
      entry_point       = image_config.value.entry_point
      command           = image_config.value.command
      working_directory = image_config.value.working_directory
    }
  }

  dynamic "environment" {
    for_each = length(var.environment) > 0 ? [var.environment] : []

    content {
      variables = environment.value
    }
  }

  # Levels belong to JSON: Lambda refuses them with text, and takes none of its own with JSON.
  logging_config {
    log_group             = aws_cloudwatch_log_group.this.name
    log_format            = var.logging.format
    application_log_level = var.logging.format == "JSON" ? coalesce(var.logging.application_level, "INFO") : null
    system_log_level      = var.logging.format == "JSON" ? coalesce(var.logging.system_level, "INFO") : null
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue[*]

    content {
      target_arn = dead_letter_config.value.arn
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = regex("\\.dkr\\.ecr\\.([a-z0-9-]+)\\.", var.image)[0] == data.aws_region.current.name
      error_message = "Lambda pulls images from repositories of its own region only: function ${var.name} is in ${data.aws_region.current.name}, image is ${var.image}. Push the image to a repository there, and release that."
    }
  }
}

# The gate: each new version is asked once whether it works. What goes wrong in its init or in its answer is an error of apply,
# and `live`, which depends on this, stays where it is.
resource "aws_lambda_invocation" "probe" {
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_function.this.version
  input         = jsonencode({ probe = true })

  lifecycle {
    postcondition {
      condition     = try(jsondecode(self.result).ready, false) == true
      error_message = "Version ${self.qualifier} of function ${var.name} does not say that it is ready, so it does not become live. To {\"probe\": true} it answered: ${self.result}. Is the image one whose handler is serving_lambda? Deploy a mended release."
    }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What callers of ${var.name} get"
  function_name    = aws_lambda_function.this.function_name
  function_version = try(var.canary.stable_version, aws_lambda_function.this.version)

  dynamic "routing_config" {
    for_each = try(var.canary.weight, 0) > 0 ? [var.canary.weight] : []

    content {
      additional_version_weights = { (aws_lambda_function.this.version) = routing_config.value }
    }
  }

  depends_on = [aws_lambda_invocation.probe]

  lifecycle {
    precondition {
      condition     = try(tonumber(var.canary.stable_version) + (var.canary.weight > 0 ? 1 : 0) <= tonumber(aws_lambda_function.this.version), var.canary == null)
      error_message = "canary.stable_version of ${var.name} is ${try(var.canary.stable_version, "none")}, but the newest version is ${aws_lambda_function.this.version}: there is no newer one to share requests with. Leave canary out, name an older version, or deploy a new release together with it."
    }
  }
}
