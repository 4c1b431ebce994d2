mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  function_name     = "serving-test-object-detection"
  catalog_parameter = "/serving/test/catalog"
}

run "grants_exactly_what_a_client_does" {
  command = plan

  module {
    source = "./modules/lambda_client_policy"
  }

  assert {
    condition = jsonencode({ for s in data.aws_iam_policy_document.this.statement : s.sid => [sort(s.actions), sort(s.resources)] }) == jsonencode({
      InvokeThisFunction = [["lambda:InvokeFunction"], ["arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection:live"]]
      ReadCatalog        = [["ssm:GetParameter"], ["arn:aws:ssm:ap-northeast-2:123456789012:parameter/serving/test/catalog"]]
    })
    error_message = "A client must be able to call the live version, and nothing else."
  }

  assert {
    condition     = aws_iam_policy.this.name == "serving-test-object-detection-ap-northeast-2-client"
    error_message = "Policies are global, so the region must be in the name."
  }
}

run "a_url_may_be_called_where_there_is_one" {
  command = plan

  module {
    source = "./modules/lambda_client_policy"
  }

  variables {
    url = true
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.this.statement : s.resources if contains(s.actions, "lambda:InvokeFunctionUrl")] == [toset(["arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection:live"])]
    error_message = "The URL is the alias's."
  }
}

run "refuses_what_is_too_wide" {
  command = plan

  module {
    source = "./modules/lambda_client_policy"
  }

  variables {
    qualifier         = "*"
    catalog_parameter = "serving/test/catalog"
  }

  expect_failures = [var.qualifier, var.catalog_parameter]
}
