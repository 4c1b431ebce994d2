# Whoever calls the URL signs the request, and may do so by the policy of module lambda_client_policy.
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

# With NONE everybody may call. The provider allows that by itself when it makes a URL, but not when a URL that took signed
# requests becomes one for everybody, and it leaves the permission behind, which says nothing once requests are signed again.
# AWS asks for lambda:InvokeFunction as well, of URLs made since October 2025 (Lambda guide, "Control access to Lambda function
# URLs"). Provider 5.100 cannot say "through the URL only" of that action, and without this restriction it would open the
# Invoke API to every AWS account: so docs/terraform.md shows the command instead.
resource "aws_lambda_permission" "public_url" {
  count = try(var.url.authorization, null) == "NONE" ? 1 : 0

  statement_id           = "EverybodyCallsTheUrl"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.this.function_name
  qualifier              = aws_lambda_alias.live.name
  principal              = "*"
  function_url_auth_type = "NONE"
}
