# Of events that are sent to the alias; those sent to a version or to $LATEST have Lambda's own settings. Apart from the function
# because this waits for the queue, half a minute, and nobody else needs to.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function_name
  qualifier                    = var.qualifier
  maximum_event_age_in_seconds = var.events.max_age_seconds
  maximum_retry_attempts       = var.events.retries

  dynamic "destination_config" {
    for_each = var.failure_queue[*]

    content {
      on_failure {
        destination = destination_config.value.arn
      }
    }
  }
}
