data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  archive_arns = sort([for archive in var.archives : "arn:${local.partition}:s3:::${trimprefix(archive, "s3://")}"])

  # <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:… → the repository's ARN
  repository_arns = sort(distinct([
    for parts in [for image in var.images : regex("^([0-9]{12})\\.dkr\\.ecr\\.([a-z0-9-]+)\\.[^/]+/([^@]+)@", image)] :
    "arn:${local.partition}:ecr:${parts[1]}:${parts[0]}:repository/${parts[2]}"
  ]))

  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/sagemaker/Endpoints/${var.endpoint_name}"

  ec2_arn     = "arn:${local.partition}:ec2:${local.region}:${local.account_id}"
  subnet_arns = sort([for id in try(var.vpc.subnet_ids, []) : "${local.ec2_arn}:subnet/${id}"])

  security_group_arns = sort([for id in try(var.vpc.security_group_ids, []) : "${local.ec2_arn}:security-group/${id}"])

  # s3://<bucket>/<prefix>/ → the ARN of everything under it
  request_arns = sort([for location in try(var.asynchronous.input_locations, []) : "arn:${local.partition}:s3:::${trimsuffix(trimprefix(location, "s3://"), "/")}/*"])
  answer_arns  = sort([for location in try(var.asynchronous.output_locations, []) : "arn:${local.partition}:s3:::${trimsuffix(trimprefix(location, "s3://"), "/")}/*"])

  capture_arn = var.data_capture == null ? null : "arn:${local.partition}:s3:::${trimsuffix(trimprefix(var.data_capture.s3_uri, "s3://"), "/")}/*"
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "SageMakerOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["sagemaker.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

data "aws_iam_policy_document" "permissions" {
  statement {
    sid       = "ReadModelArchives"
    actions   = ["s3:GetObject"]
    resources = local.archive_arns
  }

  statement {
    sid = "PullImages"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetDownloadUrlForLayer",
    ]
    resources = local.repository_arns
  }

  # The token opens a registry, not a repository, and IAM knows no resource for it (Service Authorization
  # Reference, Amazon ECR): "*" is the only value. What may be pulled with it is the statement above.
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "WriteOwnLogs"
    actions = [
      "logs:CreateLogGroup",
      "logs:CreateLogStream",
      "logs:DescribeLogStreams",
      "logs:PutLogEvents",
    ]
    resources = [local.log_group_arn, "${local.log_group_arn}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "DecryptArchives"
      actions   = concat(["kms:Decrypt"], var.data_capture == null ? [] : ["kms:GenerateDataKey"])
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.capture_arn[*]

    content {
      sid       = "WriteCapturedData"
      actions   = ["s3:PutObject"]
      resources = [statement.value]
    }
  }

  # What SageMaker does for an asynchronous endpoint it does with this role (SageMaker guide, "Complete the
  # prerequisites" of asynchronous inference). Listing buckets is not among it: a request that is not there is refused like
  # one that may not be read.
  dynamic "statement" {
    for_each = var.asynchronous == null ? [] : [
      { sid = "ReadRequests", actions = ["s3:GetObject"], resources = local.request_arns },
      { sid = "WriteAnswers", actions = ["s3:AbortMultipartUpload", "s3:PutObject"], resources = local.answer_arns },
    ]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  dynamic "statement" {
    for_each = length(try(var.asynchronous.topic_arns, [])) == 0 ? [] : [sort(var.asynchronous.topic_arns)]

    content {
      sid       = "PublishNotices"
      actions   = ["sns:Publish"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = var.asynchronous == null ? [] : var.kms_key_arn[*]

    content {
      sid       = "EncryptAnswersAndNotices"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com", "sns.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(try(var.asynchronous.input_kms_key_arns, [])) == 0 ? [] : [sort(var.asynchronous.input_kms_key_arns)]

    content {
      sid       = "DecryptRequestsOfOtherBuckets"
      actions   = ["kms:Decrypt"]
      resources = statement.value

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.metrics_namespace[*]

    content {
      sid       = "PublishOwnMetrics"
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"] # The action knows no resource; the namespace bounds it.

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [statement.value]
      }
    }
  }

  # SageMaker attaches the containers to your subnets (SageMaker guide, "CreateModel API: execution role permissions").
  dynamic "statement" {
    for_each = var.vpc == null ? [] : [
      {
        sid       = "CreateNetworkInterfaces"
        actions   = ["ec2:CreateNetworkInterface"]
        resources = concat(local.subnet_arns, local.security_group_arns, ["${local.ec2_arn}:network-interface/*"])
        subnets   = []
      },
      {
        sid       = "ManageNetworkInterfacesOfTheseSubnets"
        actions   = ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"]
        resources = ["${local.ec2_arn}:network-interface/*"]
        subnets   = local.subnet_arns
      },
      {
        # Names a permission, not an interface, in its request: there is no subnet to compare.
        sid       = "WithdrawNetworkInterfacePermissions"
        actions   = ["ec2:DeleteNetworkInterfacePermission"]
        resources = ["${local.ec2_arn}:network-interface/*"]
        subnets   = []
      },
      {
        # None of these knows a resource; they only read.
        sid = "ReadNetworkLayout"
        actions = [
          "ec2:DescribeDhcpOptions",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSecurityGroups",
          "ec2:DescribeSubnets",
          "ec2:DescribeVpcs",
        ]
        resources = ["*"]
        subnets   = []
      },
    ]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = length(statement.value.subnets) > 0 ? [statement.value.subnets] : []

        content {
          test     = "ArnEquals"
          variable = "ec2:Subnet"
          values   = condition.value
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "SageMaker runs endpoint ${var.endpoint_name} under this role"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

# The archives are named one by one, so a release changes the policy. The old policy stays until the endpoint has left
# the old release, because until then, and after a rollback, a scale-out still has to read the old archives. A change
# in place would take them away at once, hence a policy of its own for each revision.
resource "terraform_data" "revision" {
  triggers_replace = data.aws_iam_policy_document.permissions.json

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role_policy" "this" {
  name   = "endpoint-${substr(terraform_data.revision.id, 0, 8)}"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.permissions.json

  lifecycle {
    create_before_destroy = true
  }
}
