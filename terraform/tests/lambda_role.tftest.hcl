mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name          = "serving-test-object-detection"
  function_name = "serving-test-object-detection"
  kms_key_arn   = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
}

run "may_write_its_own_logs_and_read_its_own_environment" {
  command = plan

  module {
    source = "./modules/lambda_role"
  }

  assert {
    condition = jsonencode({ for s in data.aws_iam_policy_document.permissions.statement : s.sid => [sort(s.actions), sort(s.resources)] }) == jsonencode({
      WriteOwnLogs          = [["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/lambda/serving-test-object-detection:log-stream:*"]]
      DecryptOwnEnvironment = [["kms:Decrypt"], ["arn:aws:kms:ap-northeast-2:123456789012:key/1"]]
    })
    error_message = "A function that asks for nothing must get no more than its log and its environment."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : one(s.condition).values if s.sid == "DecryptOwnEnvironment"] == [tolist(["arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection", "arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection:*"])]
    error_message = "The key must open what was encrypted for this function, and nothing else."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.trust.statement : [one(s.principals).identifiers, one(s.condition).values]] == [[toset(["lambda.amazonaws.com"]), tolist(["123456789012"])]]
    error_message = "Only Lambda of this account may take the role."
  }

  assert {
    condition     = aws_iam_role_policy.this.name == "function" && aws_iam_role.this.name == "serving-test-object-detection"
    error_message = "The policy must be the role's own."
  }
}

run "options_bring_their_own_permissions" {
  command = plan

  module {
    source = "./modules/lambda_role"
  }

  variables {
    queue_names       = ["e-failures", "e-dead-letters"]
    tracing           = true
    vpc               = true
    metrics_namespace = "Serving/Detection"
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "sqs:SendMessage")] == [toset(["arn:aws:sqs:ap-northeast-2:123456789012:e-dead-letters", "arn:aws:sqs:ap-northeast-2:123456789012:e-failures"])]
    error_message = "Failed events must go to the function's queues only."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : [s.actions, one(s.condition).values] if s.sid == "EncryptFailedEvents"] == [[toset(["kms:Decrypt", "kms:GenerateDataKey"]), tolist(["sqs.ap-northeast-2.amazonaws.com"])]]
    error_message = "The key must be usable through SQS only."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.actions if s.sid == "SendTraces"] == [toset(["xray:PutTelemetryRecords", "xray:PutTraceSegments"])]
    error_message = "Tracing must bring what it needs."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : one(s.condition).values if contains(s.actions, "cloudwatch:PutMetricData")] == [tolist(["Serving/Detection"])]
    error_message = "Metrics must be bound to their namespace."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : [s.effect, one(s.condition).variable, one(s.condition).values] if s.sid == "KeepNetworksFromTheCode"] == [["Deny", "lambda:SourceFunctionArn", tolist(["arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection"])]]
    error_message = "Lambda manages network interfaces; the function's own code must not."
  }

  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.permissions.statement :
      alltrue([for action in s.actions : startswith(action, "ec2:Describe") || startswith(action, "xray:") || action == "cloudwatch:PutMetricData"]) if contains(s.resources, "*") && s.effect != "Deny"
    ])
    error_message = "Only actions that know no resource may have the resource *."
  }
}

run "takes_no_key_where_there_is_none" {
  command = plan

  module {
    source = "./modules/lambda_role"
  }

  variables {
    kms_key_arn = null
    queue_names = ["e-failures"]
  }

  assert {
    condition     = length([for s in data.aws_iam_policy_document.permissions.statement : s if anytrue([for action in s.actions : startswith(action, "kms:")])]) == 0
    error_message = "Without a key there is nothing to decrypt."
  }
}

run "refuses_what_iam_would_refuse_or_widen" {
  command = plan

  module {
    source = "./modules/lambda_role"
  }

  variables {
    name        = "serving/test"
    queue_names = ["*"]
  }

  expect_failures = [var.name, var.queue_names]
}
