# Whoever calls the URL signs the request, and may do so by the policy of module lambda_client_policy. With NONE everybody may:
# the provider then adds the permission lambda:InvokeFunctionUrl for all, but cannot say lambda:InvokeFunction "through the
# URL only", which URLs made since October 2025 need as well (Lambda guide, "Control access to Lambda function URLs"). Saying
# it without that restriction would open the Invoke API to every AWS account, so docs/terraform.md shows the command instead.
resource "aws_lambda_function_url" "live" {
  count = var.url == null ? 0 : 1

  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = var.url.authorization

  dynamic "cors" {
    for_each = var.url.cors[*]

    content {
      allow_origins     = cors.value.allow_origins
      allow_methods     = cors.value.allow_methods
      allow_headers     = cors.value.allow_headers
      expose_headers    = cors.value.expose_headers
      allow_credentials = cors.value.allow_credentials
      max_age           = cors.value.max_age_seconds
    }
  }
}
