mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment = "test"
}

run "keeps_archives_private_encrypted_and_versioned" {
  command = plan

  module {
    source = "./foundation"
  }

  assert {
    condition     = keys(aws_s3_bucket.this) == ["artifacts", "data"] && aws_s3_bucket.this["artifacts"].bucket == "serving-artifacts-123456789012-ap-northeast-2" && !aws_s3_bucket.this["artifacts"].force_destroy
    error_message = "There must be a bucket for archives, with account and region in its name, that destroy does not empty."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this["artifacts"].block_public_acls &&
      aws_s3_bucket_public_access_block.this["artifacts"].block_public_policy &&
      aws_s3_bucket_public_access_block.this["artifacts"].ignore_public_acls &&
      aws_s3_bucket_public_access_block.this["artifacts"].restrict_public_buckets &&
      aws_s3_bucket_ownership_controls.this["artifacts"].rule[0].object_ownership == "BucketOwnerEnforced"
    )
    error_message = "Nothing in the bucket may be public."
  }

  assert {
    condition = (
      aws_s3_bucket_versioning.this["artifacts"].versioning_configuration[0].status == "Enabled" &&
      one(aws_s3_bucket_server_side_encryption_configuration.this["artifacts"].rule).bucket_key_enabled &&
      one(one(aws_s3_bucket_server_side_encryption_configuration.this["artifacts"].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    )
    error_message = "The bucket must keep versions and encrypt with the key."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.bucket["artifacts"].statement : [s.sid, s.effect]] == [["DenyWithoutTls", "Deny"], ["DenyOtherEncryption", "Deny"], ["DenyOtherKey", "Deny"]]
    error_message = "The bucket must refuse plain HTTP and any other encryption."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["artifacts"].rule[*].id == tolist(["expire-old-versions", "abort-broken-uploads"])
    error_message = "Old versions and abandoned uploads must end some day."
  }
}

run "keeps_requests_and_answers_private_encrypted_and_for_a_while" {
  command = plan

  module {
    source = "./foundation"
  }

  assert {
    condition     = aws_s3_bucket.this["data"].bucket == "serving-data-123456789012-ap-northeast-2" && output.data_bucket == "serving-data-123456789012-ap-northeast-2" && !aws_s3_bucket.this["data"].force_destroy
    error_message = "Requests and answers must lie in a bucket of their own that destroy does not empty."
  }

  assert {
    condition = (
      aws_s3_bucket_public_access_block.this["data"].block_public_acls &&
      aws_s3_bucket_public_access_block.this["data"].block_public_policy &&
      aws_s3_bucket_public_access_block.this["data"].ignore_public_acls &&
      aws_s3_bucket_public_access_block.this["data"].restrict_public_buckets &&
      aws_s3_bucket_ownership_controls.this["data"].rule[0].object_ownership == "BucketOwnerEnforced" &&
      one(one(aws_s3_bucket_server_side_encryption_configuration.this["data"].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    )
    error_message = "Nothing in the bucket may be public, and everything must be encrypted with the key."
  }

  assert {
    condition     = [for s in data.aws_iam_policy_document.bucket["data"].statement : [s.sid, s.effect]] == [["DenyWithoutTls", "Deny"], ["DenyOtherEncryption", "Deny"], ["DenyOtherKey", "Deny"]]
    error_message = "The bucket must refuse plain HTTP and any other encryption."
  }

  assert {
    condition     = keys(aws_s3_bucket_versioning.this) == ["artifacts"]
    error_message = "Deleted requests must be gone: the data bucket keeps no old versions."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this["data"].rule[*].id == tolist(["expire-async", "abort-broken-uploads"]) &&
      one(aws_s3_bucket_lifecycle_configuration.this["data"].rule[0].filter).prefix == "async/" &&
      one(aws_s3_bucket_lifecycle_configuration.this["data"].rule[0].expiration).days == 30 &&
      one(aws_s3_bucket_lifecycle_configuration.this["data"].rule[1].abort_incomplete_multipart_upload).days_after_initiation == 1
    )
    error_message = "Requests and answers must end after a month, abandoned uploads after a day."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.key.statement : [one(s.principals).identifiers, one(s.condition).values] if s.sid == "TopicsSendToEncryptedQueues"] == [
      [toset(["sns.amazonaws.com"]), tolist(["123456789012"])]
    ]
    error_message = "SNS of this account must be able to write into encrypted queues."
  }
}

run "data_may_be_kept_for_another_time_or_for_ever" {
  command = plan

  module {
    source = "./foundation"
  }

  variables {
    expire_data_days = null
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this["data"].rule[*].id == tolist(["abort-broken-uploads"])
    error_message = "expire_data_days = null must keep requests and answers."
  }
}

run "gives_every_image_an_immutable_scanned_repository" {
  command = plan

  module {
    source = "./foundation"
  }

  variables {
    images = { nlp_onnx = {}, vision_torch = { keep_images = 20 } }
  }

  assert {
    condition     = { for image, repository in aws_ecr_repository.this : image => repository.name } == { nlp_onnx = "serving-nlp-onnx", vision_torch = "serving-vision-torch" }
    error_message = "A repository must be called <name>-<image with dashes>."
  }

  assert {
    condition = alltrue([for repository in aws_ecr_repository.this : (
      repository.image_tag_mutability == "IMMUTABLE" &&
      repository.image_scanning_configuration[0].scan_on_push &&
      repository.encryption_configuration[0].encryption_type == "KMS"
    )])
    error_message = "Repositories must be immutable, scanned and encrypted."
  }

  assert {
    condition     = jsondecode(aws_ecr_lifecycle_policy.this["vision_torch"].policy).rules[0].selection == { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
    error_message = "Images must expire by count, not by age: an old one may still be in use."
  }
}

run "lets_lambda_pull_the_images_of_its_functions_and_no_others" {
  command = plan

  module {
    source = "./foundation"
  }

  assert {
    condition     = keys(aws_ecr_repository_policy.lambda) == ["lambda_detection", "lambda_sentiment"] && aws_ecr_repository_policy.lambda["lambda_detection"].repository == "serving-lambda-detection"
    error_message = "Only images whose name begins with lambda_ may be pulled by Lambda."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.lambda_pulls.statement : [s.actions, one(s.principals).identifiers, one(s.condition).variable, one(s.condition).values]] == [
      [toset(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]), toset(["lambda.amazonaws.com"]), "aws:SourceArn", tolist(["arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-*"])]
    ]
    error_message = "Lambda may pull for functions of this account, region and environment only, and do nothing else."
  }

  assert {
    condition = [for s in data.aws_iam_policy_document.key.statement : one(s.condition).values if s.sid == "EndpointLogGroupsAreEncrypted"] == [tolist([
      "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/sagemaker/Endpoints/*",
      "arn:aws:logs:ap-northeast-2:123456789012:log-group:/aws/lambda/serving-test-*",
    ])]
    error_message = "Logs of endpoints and of this environment's functions must be encrypted, and no others."
  }
}

run "publishes_itself" {
  command = plan

  module {
    source = "./foundation"
  }

  assert {
    condition = aws_ssm_parameter.foundation.name == "/serving/test/foundation" && jsondecode(aws_ssm_parameter.foundation.insecure_value) == {
      artifact_bucket = "serving-artifacts-123456789012-ap-northeast-2"
      data_bucket     = "serving-data-123456789012-ap-northeast-2"
      kms_key_arn     = "arn:aws:kms:ap-northeast-2:123456789012:key/00000000-0000-0000-0000-000000000000"
      repositories = { for image in ["gluoncv", "lambda_detection", "lambda_sentiment", "nlp_onnx"] : image => {
        name = "serving-${replace(image, "_", "-")}"
        url  = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx" # the same for each: the mock's
        arn  = "arn:aws:ecr:ap-northeast-2:123456789012:repository/serving-nlp-onnx"
      } }
    }
    error_message = "The parameter must have the form that environments and tasks read."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30 && aws_kms_alias.this.name == "alias/serving-test"
    error_message = "The key must rotate, and not vanish at once."
  }
}

run "options_make_the_state_bucket_and_a_foundation_to_throw_away" {
  command = plan

  module {
    source = "./foundation"
  }

  variables {
    state_bucket    = true
    force_destroy   = true
    lifecycle_rules = false
  }

  assert {
    condition     = aws_s3_bucket.this["terraform-state"].bucket == "serving-terraform-state-123456789012-ap-northeast-2" && aws_s3_bucket_public_access_block.this["terraform-state"].block_public_acls
    error_message = "State must lie in a bucket of its own, as safe as the other."
  }

  # An object that names no encryption has no such header: it must not be refused.
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.bucket["terraform-state"].statement :
      contains([for c in s.condition : "${c.test} ${join(",", c.values)}"], "Null false") if startswith(s.sid, "DenyOther")
    ])
    error_message = "State is written without naming an encryption, so the bucket must refuse other encryptions only where one is named."
  }

  assert {
    condition     = aws_s3_bucket.this["artifacts"].force_destroy && aws_s3_bucket.this["data"].force_destroy && aws_ecr_repository.this["nlp_onnx"].force_delete && aws_kms_key.this.deletion_window_in_days == 7 && length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "force_destroy must reach everything that holds data, and rules must be optional."
  }
}

run "refuses_what_aws_would_refuse" {
  command = plan

  module {
    source = "./foundation"
  }

  variables {
    environment      = "Test"
    name             = "Serving"
    images           = { "nlp-onnx" = {} }
    expire_data_days = 0
  }

  expect_failures = [var.environment, var.name, var.images, var.expire_data_days]
}
