# Where events end that a function could not do: of calls by InvocationType Event, which nobody waits for.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  sender_arn = "arn:${local.partition}:iam::${local.account_id}:role/${var.sender_role_name}"

  # The queue's policy names the queue, and is part of it: hence by its name, before there is an ARN.
  queue_arn = "arn:${local.partition}:sqs:${data.aws_region.current.name}:${local.account_id}:${var.name}"
}

data "aws_iam_policy_document" "queue" {
  # Lambda sends with the function's role, whose own policy allows it.
  statement {
    sid       = "OnlyTheFunctionsRoleSends"
    effect    = "Deny"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = [local.sender_arn]
    }
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue" "this" {
  name                      = var.name
  kms_master_key_id         = var.kms_key_arn
  message_retention_seconds = var.retention_seconds
  receive_wait_time_seconds = 20 # long polling, as long as SQS offers
  policy                    = data.aws_iam_policy_document.queue.json
  tags                      = var.tags
}
