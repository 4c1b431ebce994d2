mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  endpoint_name     = "serving-test-sentiment"
  catalog_parameter = "/serving/test/catalog"
}

run "grants_exactly_what_a_client_does" {
  command = plan

  module {
    source = "./modules/serverless_client_policy"
  }

  assert {
    condition = jsonencode({ for s in data.aws_iam_policy_document.this.statement : s.sid => [sort(s.actions), sort(s.resources)] }) == jsonencode({
      InvokeThisEndpoint = [["sagemaker:InvokeEndpoint"], ["arn:aws:sagemaker:ap-northeast-2:123456789012:endpoint/serving-test-sentiment"]]
      ReadCatalog        = [["ssm:GetParameter"], ["arn:aws:ssm:ap-northeast-2:123456789012:parameter/serving/test/catalog"]]
    })
    error_message = "A client must be able to call this endpoint, and nothing else."
  }

  assert {
    condition     = aws_iam_policy.this.name == "serving-test-sentiment-ap-northeast-2-client"
    error_message = "Policies are global, so the region must be in the name."
  }
}

run "refuses_what_is_too_wide" {
  command = plan

  module {
    source = "./modules/serverless_client_policy"
  }

  variables {
    endpoint_name     = "*"
    catalog_parameter = "serving/test/catalog"
  }

  expect_failures = [var.endpoint_name, var.catalog_parameter]
}
