mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name             = "serving-test-object-detection-failures"
  sender_role_name = "serving-test-object-detection-ap-northeast-2"
  kms_key_arn      = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
}

run "keeps_failed_events_encrypted_for_two_weeks" {
  command = plan

  module {
    source = "./modules/lambda_failure_queue"
  }

  assert {
    condition     = aws_sqs_queue.this.name == "serving-test-object-detection-failures" && aws_sqs_queue.this.message_retention_seconds == 1209600 && aws_sqs_queue.this.kms_master_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    error_message = "Failed events must be kept, encrypted, for as long as SQS can."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.queue.statement : [s.sid, s.effect, s.resources, one(s.condition).variable, one(s.condition).values]] == [
      ["OnlyTheFunctionsRoleSends", "Deny", toset(["arn:aws:sqs:ap-northeast-2:123456789012:serving-test-object-detection-failures"]), "aws:PrincipalArn", tolist(["arn:aws:iam::123456789012:role/serving-test-object-detection-ap-northeast-2"])],
      ["DenyWithoutTls", "Deny", toset(["arn:aws:sqs:ap-northeast-2:123456789012:serving-test-object-detection-failures"]), "aws:SecureTransport", tolist(["false"])],
    ]
    error_message = "Nobody but the function may put anything in, and nobody in the clear."
  }
}

run "may_keep_them_for_another_time" {
  command = plan

  module {
    source = "./modules/lambda_failure_queue"
  }

  variables {
    retention_seconds = 86400
    tags              = { Team = "vision" }
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 86400 && aws_sqs_queue.this.tags == tomap({ Team = "vision" })
    error_message = "Options must reach the queue."
  }
}

run "refuses_what_sqs_or_iam_would_refuse" {
  command = plan

  module {
    source = "./modules/lambda_failure_queue"
  }

  variables {
    name              = "a.b"
    retention_seconds = 1209601
    sender_role_name  = "arn:aws:iam::123456789012:role/r"
  }

  expect_failures = [var.name, var.retention_seconds, var.sender_role_name]
}
