mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name       = "serving-test-image-segmentation"
  publisher_role_name = "serving-test-image-segmentation-ap-northeast-2"
  kms_key_arn         = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
}

override_resource {
  target          = aws_sns_topic.this["success"]
  override_during = plan
  values          = { arn = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-image-segmentation-success" }
}

override_resource {
  target          = aws_sns_topic.this["error"]
  override_during = plan
  values          = { arn = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-image-segmentation-error" }
}

run "success_and_failure_have_encrypted_topics_that_only_sagemaker_may_tell" {
  command = plan

  module {
    source = "./modules/async_notifications"
  }

  assert {
    condition = { for outcome, topic in aws_sns_topic.this : outcome => [topic.name, topic.kms_master_key_id] } == {
      success = ["serving-test-image-segmentation-success", "arn:aws:kms:ap-northeast-2:123456789012:key/1"]
      error   = ["serving-test-image-segmentation-error", "arn:aws:kms:ap-northeast-2:123456789012:key/1"]
    }
    error_message = "Each outcome must have a topic, encrypted with the key."
  }

  assert {
    condition = alltrue([for document in data.aws_iam_policy_document.topic : [for s in document.statement : [s.sid, s.effect == "Deny"]] == [
      ["SageMakerPublishesForThisEndpoint", false], ["NobodyElsePublishes", true], ["DenyWithoutTls", true],
    ]])
    error_message = "A topic must take notices from SageMaker only, and only over TLS."
  }

  assert {
    condition = { for c in data.aws_iam_policy_document.topic["success"].statement[0].condition : c.variable => one(c.values) } == {
      "aws:SourceAccount" = "123456789012"
      "aws:SourceArn"     = "arn:aws:sagemaker:ap-northeast-2:123456789012:endpoint/serving-test-image-segmentation"
    }
    error_message = "The service must act for this endpoint of this account."
  }

  assert {
    condition = { for c in data.aws_iam_policy_document.topic["error"].statement[1].condition : "${c.test} ${c.variable}" => one(c.values) } == {
      "ArnNotEquals aws:PrincipalArn"  = "arn:aws:iam::123456789012:role/serving-test-image-segmentation-ap-northeast-2"
      "Bool aws:PrincipalIsAWSService" = "false"
    }
    error_message = "Any principal but the endpoint's role must be refused, or notices could be forged."
  }

  assert {
    condition     = alltrue(flatten([for document in data.aws_iam_policy_document.topic : [for s in document.statement : s.actions == toset(["sns:Publish"])]]))
    error_message = "A topic's policy must speak of publishing only."
  }
}

run "clients_wait_at_an_encrypted_queue_that_only_the_topics_fill" {
  command = plan

  module {
    source = "./modules/async_notifications"
  }

  assert {
    condition = (
      aws_sqs_queue.this[0].name == "serving-test-image-segmentation-notices" &&
      aws_sqs_queue.this[0].kms_master_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1" &&
      aws_sqs_queue.this[0].message_retention_seconds == 86400 &&
      aws_sqs_queue.this[0].visibility_timeout_seconds == 30 &&
      aws_sqs_queue.this[0].receive_wait_time_seconds == 20
    )
    error_message = "Notices must be kept for a day, hidden for half a minute, and waited for by long polling."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.queue.statement : [s.sid, s.effect == "Deny"]] == [["TopicsSend", false], ["NobodyElseSends", true], ["DenyWithoutTls", true]]
    error_message = "The queue must take messages from the topics only, and only over TLS."
  }

  assert {
    condition = alltrue([for s in slice(data.aws_iam_policy_document.queue.statement, 0, 2) :
      s.resources == toset(["arn:aws:sqs:ap-northeast-2:123456789012:serving-test-image-segmentation-notices"]) &&
      one(s.condition).variable == "aws:SourceArn" &&
      toset(one(s.condition).values) == toset([
        "arn:aws:sns:ap-northeast-2:123456789012:serving-test-image-segmentation-error",
        "arn:aws:sns:ap-northeast-2:123456789012:serving-test-image-segmentation-success",
      ])
    ])
    error_message = "Both topics, and nobody else, must be able to send."
  }

  assert {
    condition     = alltrue([for subscription in aws_sns_topic_subscription.queue : subscription.protocol == "sqs" && !coalesce(subscription.raw_message_delivery, false)]) && keys(aws_sns_topic_subscription.queue) == ["error", "success"]
    error_message = "The queue must get both topics' messages in SNS's envelope."
  }

  assert {
    condition     = output.queue_arn == "arn:aws:sqs:ap-northeast-2:123456789012:serving-test-image-segmentation-notices" && output.queue_url == aws_sqs_queue.this[0].url
    error_message = "Clients must be told of the queue."
  }
}

run "the_queue_is_optional_and_failures_can_be_mailed" {
  command = plan

  module {
    source = "./modules/async_notifications"
  }

  variables {
    notifications = { client_queue = false, error_emails = ["oncall@example.com"] }
  }

  assert {
    condition     = length(aws_sqs_queue.this) == 0 && length(aws_sns_topic_subscription.queue) == 0 && output.queue_url == null && output.queue_arn == null
    error_message = "Without a queue nothing may be subscribed or published of it."
  }

  assert {
    condition     = aws_sns_topic_subscription.email["oncall@example.com"].topic_arn == aws_sns_topic.this["error"].arn
    error_message = "Mails must tell of failures, not of every answer."
  }
}

run "refuses_what_sqs_would_refuse" {
  command = plan

  module {
    source = "./modules/async_notifications"
  }

  variables {
    endpoint_name       = "serving_test"
    publisher_role_name = "arn:aws:iam::123456789012:role/r"
    notifications       = { visibility_timeout_seconds = 43201 }
  }

  expect_failures = [var.endpoint_name, var.publisher_role_name, var.notifications]
}
