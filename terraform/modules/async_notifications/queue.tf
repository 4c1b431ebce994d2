# Where clients wait for the notices of their requests. There is no dead-letter queue: a client gives notices of other
# clients back, which counts as a receipt, so a limit on receipts would take notices away from those who wait for them;
# and a notice that nobody reads is no loss, since the answer itself lies in S3 and the notice ends with its retention.

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "TopicsSend"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]

    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = values(aws_sns_topic.this)[*].arn
    }
  }

  # True as well where there is no source, as with a role of this account that may send to any queue.
  statement {
    sid       = "NobodyElseSends"
    effect    = "Deny"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:SourceArn"
      values   = values(aws_sns_topic.this)[*].arn
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

# The provider waits 25 seconds for a new queue and another 25 for an aws_sqs_queue_policy; a policy that comes with the
# queue costs nothing, and the queue is never without it.
resource "aws_sqs_queue" "this" {
  count = var.notifications.client_queue ? 1 : 0

  name                       = local.queue_name
  kms_master_key_id          = var.kms_key_arn
  message_retention_seconds  = var.notifications.retention_seconds
  visibility_timeout_seconds = var.notifications.visibility_timeout_seconds
  receive_wait_time_seconds  = 20 # long polling, as long as SQS offers
  policy                     = data.aws_iam_policy_document.queue.json
  tags                       = var.tags
}

# Raw delivery stays off: clients read SNS's envelope, which names the topic.
resource "aws_sns_topic_subscription" "queue" {
  for_each = var.notifications.client_queue ? aws_sns_topic.this : {}

  topic_arn = each.value.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.this[0].arn
}
