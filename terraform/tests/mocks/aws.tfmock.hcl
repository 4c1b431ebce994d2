# What the mocked provider answers where its own random strings would not do: well-formed ARNs and JSON.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition  = "aws"
    dns_suffix = "amazonaws.com"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "ap-northeast-2"
  }
}

mock_data "aws_iam_policy_document" {
  defaults = {
    json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
  }
}

mock_data "aws_ssm_parameter" {
  defaults = {
    insecure_value = "{\"artifact_bucket\":\"serving-artifacts-123456789012-ap-northeast-2\",\"data_bucket\":\"serving-data-123456789012-ap-northeast-2\",\"kms_key_arn\":\"arn:aws:kms:ap-northeast-2:123456789012:key/00000000-0000-0000-0000-000000000000\",\"repositories\":{\"nlp_onnx\":{\"name\":\"serving-nlp-onnx\",\"url\":\"123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx\",\"arn\":\"arn:aws:ecr:ap-northeast-2:123456789012:repository/serving-nlp-onnx\"}}}"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/serving-test"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:ap-northeast-2:123456789012:serving-test-alarms"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:ap-northeast-2:123456789012:serving-test-image-segmentation-notices"
    url = "https://sqs.ap-northeast-2.amazonaws.com/123456789012/serving-test-image-segmentation-notices"
  }
}

mock_resource "aws_iam_policy" {
  defaults = {
    arn = "arn:aws:iam::123456789012:policy/serving-test-image-segmentation-client"
  }
}

mock_resource "aws_appautoscaling_policy" {
  defaults = {
    arn = "arn:aws:autoscaling:ap-northeast-2:123456789012:scalingPolicy:00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn = "arn:aws:kms:ap-northeast-2:123456789012:key/00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::serving-artifacts-123456789012-ap-northeast-2"
  }
}

mock_resource "aws_ecr_repository" {
  defaults = {
    arn            = "arn:aws:ecr:ap-northeast-2:123456789012:repository/serving-nlp-onnx"
    repository_url = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx"
  }
}

mock_resource "aws_sagemaker_endpoint_configuration" {
  defaults = {
    name = "serving-test-20260101000000000000000001"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn     = "arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection"
    version = "4"
  }
}

mock_resource "aws_lambda_invocation" {
  defaults = {
    result = "{\"ready\": true, \"model\": \"object_detection\", \"task\": \"detection\", \"version\": \"4\"}"
  }
}

mock_resource "aws_lambda_alias" {
  defaults = {
    arn = "arn:aws:lambda:ap-northeast-2:123456789012:function:serving-test-object-detection:live"
  }
}

mock_resource "aws_lambda_function_url" {
  defaults = {
    function_url = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.ap-northeast-2.on.aws/"
  }
}
