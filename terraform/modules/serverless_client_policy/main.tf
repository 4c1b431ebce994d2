data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "InvokeThisEndpoint"
    actions   = ["sagemaker:InvokeEndpoint"]
    resources = ["arn:${local.partition}:sagemaker:${local.region}:${local.account_id}:endpoint/${lower(var.endpoint_name)}"]
  }

  statement {
    sid       = "ReadCatalog"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:parameter${var.catalog_parameter}"]
  }
}

# For the roles of applications: attach it to those that call the endpoint.
resource "aws_iam_policy" "this" {
  name        = "${var.endpoint_name}-${local.region}-client" # policies are global, endpoints are not
  description = "What an application needs to call the serverless endpoint ${var.endpoint_name}"
  policy      = data.aws_iam_policy_document.this.json
  tags        = var.tags
}
