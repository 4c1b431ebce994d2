data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  alias_arn = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.function_name}:${var.qualifier}"
}

data "aws_iam_policy_document" "this" {
  # Through the URL, too: URLs made since October 2025 ask for both actions (Lambda guide, "Control access to Lambda function
  # URLs").
  statement {
    sid       = "InvokeThisFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.alias_arn]
  }

  dynamic "statement" {
    for_each = var.url ? [local.alias_arn] : []

    content {
      sid       = "InvokeThisUrl"
      actions   = ["lambda:InvokeFunctionUrl"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "ReadCatalog"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:parameter${var.catalog_parameter}"]
  }
}

# For the roles of applications: attach it to those that call the function.
resource "aws_iam_policy" "this" {
  name        = "${var.function_name}-${local.region}-client" # policies are global, functions are not
  description = "What an application needs to call the function ${var.function_name}"
  policy      = data.aws_iam_policy_document.this.json
  tags        = var.tags
}
