mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name          = "serving-test-korean-nlp"
  endpoint_name = "serving-test-korean-nlp"
  kms_key_arn   = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
  images = [
    "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:1111111111111111111111111111111111111111111111111111111111111111",
  ]
  archives = [
    "s3://artifacts/models/sentiment/aa/model.tar.gz",
    "s3://artifacts/models/similarity/bb/model.tar.gz",
  ]
}

run "grants_exactly_what_the_release_needs" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "s3:GetObject")] == [toset([
      "arn:aws:s3:::artifacts/models/sentiment/aa/model.tar.gz",
      "arn:aws:s3:::artifacts/models/similarity/bb/model.tar.gz",
    ])]
    error_message = "s3:GetObject must be granted on the archives and nothing else."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "ecr:BatchGetImage")] == [toset([
      "arn:aws:ecr:ap-northeast-2:123456789012:repository/serving-nlp-onnx",
    ])]
    error_message = "Images must be pulled from their own repository and no other."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "logs:PutLogEvents")] == [toset([
      "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/serving-test-korean-nlp",
      "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/serving-test-korean-nlp:log-stream:*",
    ])]
    error_message = "Logs must go to the endpoint's own group."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : [s.resources, s.condition] if contains(s.actions, "kms:Decrypt")] == [[
      toset(["arn:aws:kms:ap-northeast-2:123456789012:key/1"]),
      toset([{ test = "StringEquals", variable = "kms:ViaService", values = tolist(["s3.ap-northeast-2.amazonaws.com"]) }]),
    ]]
    error_message = "The key must be usable through S3 only."
  }
}

run "has_no_star_but_for_the_registry_token" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.actions if contains(s.resources, "*")] == [toset(["ecr:GetAuthorizationToken"])]
    error_message = "Only ecr:GetAuthorizationToken, which knows no resource, may have the resource *."
  }

  assert {
    condition     = !anytrue(flatten([for s in data.aws_iam_policy_document.permissions.statement : [for action in s.actions : strcontains(action, "*")]]))
    error_message = "No action may hold a *."
  }

  assert {
    condition     = length(setintersection(flatten([for s in data.aws_iam_policy_document.permissions.statement : tolist(s.actions)]), ["s3:PutObject", "sns:Publish", "cloudwatch:PutMetricData", "ec2:CreateNetworkInterface", "kms:GenerateDataKey"])) == 0
    error_message = "What belongs to an option must not be granted without it."
  }
}

run "is_assumed_only_by_sagemaker_of_this_account" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  assert {
    condition = (
      one(one(data.aws_iam_policy_document.trust.statement).principals).identifiers == toset(["sagemaker.amazonaws.com"]) &&
      one(one(data.aws_iam_policy_document.trust.statement).condition) == { test = "StringEquals", variable = "aws:SourceAccount", values = tolist(["123456789012"]) }
    )
    error_message = "The trust policy must name SageMaker and, against a confused deputy, the account."
  }
}

run "takes_no_key_where_there_is_none" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  variables {
    kms_key_arn = null
  }

  assert {
    condition     = length([for s in data.aws_iam_policy_document.permissions.statement : s if contains(s.actions, "kms:Decrypt")]) == 0
    error_message = "Without a key there is nothing to decrypt."
  }
}

run "options_bring_their_own_permissions" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  variables {
    metrics_namespace = "Serving/KoreanNlp"
    data_capture      = { s3_uri = "s3://artifacts/captured/korean-nlp/" }
    vpc               = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "s3:PutObject")] == [toset(["arn:aws:s3:::artifacts/captured/korean-nlp/*"])]
    error_message = "Captured data must go under its own prefix only."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : one(s.condition).values if contains(s.actions, "cloudwatch:PutMetricData")] == [tolist(["Serving/KoreanNlp"])]
    error_message = "Metrics must be bound to their namespace."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "ec2:CreateNetworkInterface")] == [toset([
      "arn:aws:ec2:ap-northeast-2:123456789012:network-interface/*",
      "arn:aws:ec2:ap-northeast-2:123456789012:security-group/sg-1",
      "arn:aws:ec2:ap-northeast-2:123456789012:subnet/subnet-1",
      "arn:aws:ec2:ap-northeast-2:123456789012:subnet/subnet-2",
    ])]
    error_message = "Network interfaces must be made in the given subnets and security groups only."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : one(s.condition).variable if contains(s.actions, "ec2:DeleteNetworkInterface")] == ["ec2:Subnet"]
    error_message = "Network interfaces may be managed in the given subnets only."
  }

  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.permissions.statement :
      alltrue([for action in s.actions : startswith(action, "ec2:Describe") || contains(["ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"], action)]) if contains(s.resources, "*")
    ])
    error_message = "Only actions that know no resource may have the resource *."
  }
}

run "an_asynchronous_endpoint_reads_requests_writes_answers_and_publishes_notices" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  variables {
    asynchronous = {
      input_locations    = ["s3://data/async/serving-test-image-segmentation/input/", "s3://videos"]
      output_locations   = ["s3://data/async/serving-test-image-segmentation/output/", "s3://data/async/serving-test-image-segmentation/failure/"]
      topic_arns         = ["arn:aws:sns:ap-northeast-2:123456789012:success", "arn:aws:sns:ap-northeast-2:123456789012:error"]
      input_kms_key_arns = ["arn:aws:kms:ap-northeast-2:123456789012:key/2"]
    }
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if s.sid == "ReadRequests"] == [toset(["arn:aws:s3:::data/async/serving-test-image-segmentation/input/*", "arn:aws:s3:::videos/*"])]
    error_message = "Requests must be read from the given locations only."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "s3:PutObject")] == [toset([
      "arn:aws:s3:::data/async/serving-test-image-segmentation/failure/*",
      "arn:aws:s3:::data/async/serving-test-image-segmentation/output/*",
    ])]
    error_message = "Answers and failures must be written to their locations only, and never where requests lie."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.permissions.statement : s.resources if contains(s.actions, "sns:Publish")] == [toset(["arn:aws:sns:ap-northeast-2:123456789012:error", "arn:aws:sns:ap-northeast-2:123456789012:success"])]
    error_message = "Notices must go to the two topics only."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.permissions.statement : [s.actions, s.resources, one(s.condition).values] if startswith(s.sid, "Encrypt") || startswith(s.sid, "DecryptRequests")] == [
      [toset(["kms:Decrypt", "kms:GenerateDataKey"]), toset(["arn:aws:kms:ap-northeast-2:123456789012:key/1"]), tolist(["s3.ap-northeast-2.amazonaws.com", "sns.ap-northeast-2.amazonaws.com"])],
      [toset(["kms:Decrypt"]), toset(["arn:aws:kms:ap-northeast-2:123456789012:key/2"]), tolist(["s3.ap-northeast-2.amazonaws.com"])],
    ]
    error_message = "The key must be usable through S3 and SNS, keys of other input buckets for reading only."
  }

  assert {
    condition = (
      [for s in data.aws_iam_policy_document.permissions.statement : s.actions if contains(s.resources, "*")] == [toset(["ecr:GetAuthorizationToken"])] &&
      !anytrue(flatten([for s in data.aws_iam_policy_document.permissions.statement : [for action in s.actions : strcontains(action, "*")]]))
    )
    error_message = "Asynchronous endpoints must bring no star."
  }
}

run "refuses_what_iam_would_refuse_or_widen" {
  command = plan

  module {
    source = "./modules/execution_role"
  }

  variables {
    name     = "serving/test"
    images   = ["123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx:latest"]
    archives = ["s3://artifacts/models/*"]
    asynchronous = {
      input_locations  = ["s3://data/async/*/input/"]
      output_locations = ["s3://data/async/output/"]
      topic_arns       = []
    }
  }

  expect_failures = [var.name, var.images, var.archives, var.asynchronous]
}
