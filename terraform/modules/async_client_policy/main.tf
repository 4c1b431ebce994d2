data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  # s3://<bucket>/<prefix>/ → the ARN of everything under it
  objects = { for name, location in var.locations : name => "arn:${local.partition}:s3:::${trimsuffix(trimprefix(location, "s3://"), "/")}/*" }
  buckets = sort(distinct([for location in values(var.locations) : "arn:${local.partition}:s3:::${split("/", trimprefix(location, "s3://"))[0]}"]))
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "InvokeThisEndpoint"
    actions   = ["sagemaker:InvokeEndpointAsync"]
    resources = ["arn:${local.partition}:sagemaker:${local.region}:${local.account_id}:endpoint/${lower(var.endpoint_name)}"]
  }

  statement {
    sid       = "UploadRequests"
    actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
    resources = [local.objects.input]
  }

  statement {
    sid       = "ReadAnswersAndFailures"
    actions   = ["s3:GetObject"]
    resources = sort([local.objects.output, local.objects.failure])
  }

  # Without it S3 answers 403 instead of 404 for an answer that is not there yet (S3 API, GetObject), and a client that
  # polls could not tell "wait" from "you may not". It shows the names of objects, not what is in them.
  statement {
    sid       = "TellMissingFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = local.buckets
  }

  dynamic "statement" {
    for_each = var.queue_arn[*]

    content {
      sid       = "WaitForNotices"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "ReadCatalog"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:${local.partition}:ssm:${local.region}:${local.account_id}:parameter${var.catalog_parameter}"]
  }

  statement {
    sid       = "UseKeyThroughS3AndSqs"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${local.region}.amazonaws.com", "sqs.${local.region}.amazonaws.com"]
    }
  }
}

# For the roles of applications: attach it to those that call the endpoint.
resource "aws_iam_policy" "this" {
  name        = "${var.endpoint_name}-${local.region}-client" # policies are global, endpoints are not
  description = "What an application needs to call the asynchronous endpoint ${var.endpoint_name}"
  policy      = data.aws_iam_policy_document.this.json
  tags        = var.tags
}
