mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name        = "serving-test-alarms"
  kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
}

run "takes_encrypted_messages_from_alarms_of_this_account_only" {
  command = plan

  module {
    source = "./modules/notifications"
  }

  variables {
    emails = ["oncall@example.com"]
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    error_message = "Messages must be encrypted."
  }

  assert {
    condition = (
      one(data.aws_iam_policy_document.this.statement).actions == toset(["sns:Publish"]) &&
      one(data.aws_iam_policy_document.this.statement).resources == toset([aws_sns_topic.this.arn]) &&
      one(one(data.aws_iam_policy_document.this.statement).principals).identifiers == toset(["cloudwatch.amazonaws.com"]) &&
      one(one(data.aws_iam_policy_document.this.statement).condition).values == tolist(["123456789012"])
    )
    error_message = "Only CloudWatch of this account may publish, and only here."
  }

  assert {
    condition     = aws_sns_topic_subscription.email["oncall@example.com"].protocol == "email"
    error_message = "Each address must be subscribed."
  }
}

run "refuses_what_is_no_address" {
  command = plan

  module {
    source = "./modules/notifications"
  }

  variables {
    emails = ["oncall"]
  }

  expect_failures = [var.emails]
}
