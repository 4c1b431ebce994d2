data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.name

  function_arn  = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.function_name}"
  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.function_name}"

  queue_arns = sort([for name in var.queue_names : "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${name}"])
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LambdaOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

# The image is not among it: Lambda pulls it for itself, which the repository's policy allows (foundation, repositories.tf).
data "aws_iam_policy_document" "permissions" {
  # Without CreateLogGroup: the group is there before the function, and one that is deleted is not to come back without
  # its retention and its key.
  statement {
    sid       = "WriteOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:log-stream:*"]
  }

  # The encryption context that Lambda gives with everything it encrypts for a function.
  dynamic "statement" {
    for_each = var.kms_key_arn[*]

    content {
      sid       = "DecryptOwnEnvironment"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringLike"
        variable = "kms:EncryptionContext:aws:lambda:FunctionArn"
        values   = [local.function_arn, "${local.function_arn}:*"]
      }
    }
  }

  # Lambda delivers failed events with this role (Lambda guide, "Capturing records of asynchronous invocations").
  dynamic "statement" {
    for_each = length(local.queue_arns) == 0 ? [] : [local.queue_arns]

    content {
      sid       = "KeepFailedEvents"
      actions   = ["sqs:SendMessage"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(local.queue_arns) == 0 ? [] : var.kms_key_arn[*]

    content {
      sid       = "EncryptFailedEvents"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.tracing ? ["tracing"] : []

    content {
      sid       = "SendTraces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"] # Neither knows a resource.
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

  # Lambda attaches the function to your subnets with this role, and asks for these actions on every resource of the
  # account (Lambda guide, "Giving Lambda functions access to resources in an Amazon VPC"). The last statement keeps them
  # from the function's own code.
  dynamic "statement" {
    for_each = var.vpc ? [
      {
        sid    = "ManageNetworkInterfaces"
        effect = "Allow"
        actions = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:UnassignPrivateIpAddresses",
        ]
        resources = ["arn:${local.partition}:ec2:${local.region}:${local.account_id}:*/*"]
      },
      {
        sid       = "ReadNetworkLayout"
        effect    = "Allow"
        actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
        resources = ["*"] # Neither knows a resource; they only read.
      },
      {
        sid    = "KeepNetworksFromTheCode"
        effect = "Deny"
        actions = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        resources = ["*"]
      },
    ] : []

    content {
      sid       = statement.value.sid
      effect    = statement.value.effect
      actions   = statement.value.actions
      resources = statement.value.resources

      dynamic "condition" {
        for_each = statement.value.effect == "Deny" ? [local.function_arn] : []

        content {
          test     = "ArnEquals"
          variable = "lambda:SourceFunctionArn"
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Lambda runs function ${var.function_name} under this role"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "function"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.permissions.json
}
