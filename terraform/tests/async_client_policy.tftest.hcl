mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name     = "serving-test-image-segmentation"
  catalog_parameter = "/serving/test/catalog"
  kms_key_arn       = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
  queue_arn         = "arn:aws:sqs:ap-northeast-2:123456789012:notices"
  locations = {
    input   = "s3://data/async/serving-test-image-segmentation/input/"
    output  = "s3://data/async/serving-test-image-segmentation/output/"
    failure = "s3://data/async/serving-test-image-segmentation/failure/"
  }
}

run "grants_exactly_what_a_client_does" {
  command = plan

  module {
    source = "./modules/async_client_policy"
  }

  assert {
    condition = jsonencode({ for s in data.aws_iam_policy_document.this.statement : s.sid => [sort(s.actions), sort(s.resources)] }) == jsonencode({
      InvokeThisEndpoint       = [["sagemaker:InvokeEndpointAsync"], ["arn:aws:sagemaker:ap-northeast-2:123456789012:endpoint/serving-test-image-segmentation"]]
      UploadRequests           = [["s3:AbortMultipartUpload", "s3:PutObject"], ["arn:aws:s3:::data/async/serving-test-image-segmentation/input/*"]]
      ReadAnswersAndFailures   = [["s3:GetObject"], ["arn:aws:s3:::data/async/serving-test-image-segmentation/failure/*", "arn:aws:s3:::data/async/serving-test-image-segmentation/output/*"]]
      TellMissingFromForbidden = [["s3:ListBucket"], ["arn:aws:s3:::data"]]
      WaitForNotices           = [["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], ["arn:aws:sqs:ap-northeast-2:123456789012:notices"]]
      ReadCatalog              = [["ssm:GetParameter"], ["arn:aws:ssm:ap-northeast-2:123456789012:parameter/serving/test/catalog"]]
      UseKeyThroughS3AndSqs    = [["kms:Decrypt", "kms:GenerateDataKey"], ["arn:aws:kms:ap-northeast-2:123456789012:key/1"]]
    })
    error_message = "A client must be able to call this endpoint, wait for its notices and read its answers, and nothing else."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.this.statement : one(s.condition) if s.sid == "UseKeyThroughS3AndSqs"] == [{ test = "StringEquals", variable = "kms:ViaService", values = tolist(["s3.ap-northeast-2.amazonaws.com", "sqs.ap-northeast-2.amazonaws.com"]) }]
    error_message = "The key must be usable through S3 and SQS only."
  }

  assert {
    condition     = aws_iam_policy.this.name == "serving-test-image-segmentation-ap-northeast-2-client"
    error_message = "Policies are global, so the region must be in the name."
  }
}

run "without_a_queue_there_is_nothing_to_wait_at" {
  command = plan

  module {
    source = "./modules/async_client_policy"
  }

  variables {
    queue_arn = null
  }

  assert {
    condition     = length([for s in data.aws_iam_policy_document.this.statement : s if s.sid == "WaitForNotices"]) == 0
    error_message = "What belongs to the queue must not be granted without it."
  }
}

run "refuses_locations_that_are_too_wide" {
  command = plan

  module {
    source = "./modules/async_client_policy"
  }

  variables {
    catalog_parameter = "serving/test/catalog"
    locations         = { input = "s3://data/", output = "s3://data/o/", failure = "s3://data/f/" }
  }

  expect_failures = [var.catalog_parameter, var.locations]
}
