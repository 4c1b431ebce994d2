mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name     = "serving-test-object-detection"
  image    = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-lambda-detection@sha256:2222222222222222222222222222222222222222222222222222222222222222"
  role_arn = "arn:aws:iam::123456789012:role/serving-test"
}

run "publishes_a_version_probes_it_and_makes_it_live" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  assert {
    condition     = aws_lambda_function.this.package_type == "Image" && aws_lambda_function.this.image_uri == var.image && aws_lambda_function.this.publish && aws_lambda_function.this.architectures == tolist(["x86_64"])
    error_message = "The function must run the image by digest, and every change must publish a version."
  }

  assert {
    condition     = aws_lambda_function.this.memory_size == 1769 && aws_lambda_function.this.timeout == 30 && aws_lambda_function.this.ephemeral_storage[0].size == 512 && aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "One vCPU, half a minute, the smallest /tmp and the shared concurrency are where one begins."
  }

  assert {
    condition     = aws_lambda_invocation.probe.qualifier == aws_lambda_function.this.version && aws_lambda_invocation.probe.input == "{\"probe\":true}"
    error_message = "Each new version must be asked once whether it works."
  }

  assert {
    condition     = aws_lambda_alias.live.name == "live" && aws_lambda_alias.live.function_version == aws_lambda_function.this.version && length(aws_lambda_alias.live.routing_config) == 0
    error_message = "Without a canary the newest version must be live, whole."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/serving-test-object-detection" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group must be there before the function, with an end to how long logs are kept."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "Text" && aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/serving-test-object-detection" && aws_lambda_function.this.logging_config[0].application_log_level == null && aws_lambda_function.this.logging_config[0].system_log_level == null
    error_message = "Plain lines must go to its own log group; Lambda refuses levels with them."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "PassThrough" && alltrue([for block in [aws_lambda_function.this.image_config, aws_lambda_function.this.environment, aws_lambda_function.this.dead_letter_config, aws_lambda_function.this.vpc_config] : length(block) == 0]) && aws_lambda_function.this.kms_key_arn == null
    error_message = "Options that were not asked for must be absent, not empty."
  }

  assert {
    condition     = length(aws_lambda_function_url.live) == 0 && output.url == null && output.qualifier == "live" && output.version == "4"
    error_message = "There must be no URL that nobody asked for."
  }
}

run "options_reach_their_resources" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    architecture         = "arm64"
    memory_mb            = 10240
    tmp_mb               = 10240
    timeout_seconds      = 900
    reserved_concurrency = 20
    image_config         = { entry_point = ["/bin/run"], command = ["app.handler"] }
    environment          = { SERVING_THREADS = "4" }
    kms_key_arn          = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    logging              = { format = "JSON", application_level = "WARN" }
    tracing              = true
    dead_letter_queue    = { arn = "arn:aws:sqs:ap-northeast-2:123456789012:dead" }
    vpc                  = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    url                  = { cors = { allow_origins = ["https://app.example.com"] } }
    tags                 = { Team = "vision" }
  }

  assert {
    condition     = aws_lambda_function.this.image_config[0].entry_point == tolist(["/bin/run"]) && aws_lambda_function.this.image_config[0].command == tolist(["app.handler"]) && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "What is started must be what was asked for."
  }

  assert {
    condition     = aws_lambda_function.this.memory_size == 10240 && aws_lambda_function.this.timeout == 900 && aws_lambda_function.this.ephemeral_storage[0].size == 10240 && aws_lambda_function.this.reserved_concurrent_executions == 20
    error_message = "Sizes must reach the function."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ SERVING_THREADS = "4" }) && aws_lambda_function.this.kms_key_arn == "arn:aws:kms:ap-northeast-2:123456789012:key/1" && aws_cloudwatch_log_group.this.kms_key_id == "arn:aws:kms:ap-northeast-2:123456789012:key/1"
    error_message = "Environment and logs must be encrypted with the key."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].application_log_level == "WARN" && aws_lambda_function.this.logging_config[0].system_log_level == "INFO"
    error_message = "JSON needs both levels: the provider does not know that Lambda sets one that is left out."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active" && aws_lambda_function.this.dead_letter_config[0].target_arn == "arn:aws:sqs:ap-northeast-2:123456789012:dead" && aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1"])
    error_message = "Tracing, dead letters and the VPC are the function's own."
  }

  assert {
    condition     = aws_lambda_function_url.live[0].authorization_type == "AWS_IAM" && aws_lambda_function_url.live[0].qualifier == "live" && aws_lambda_function_url.live[0].cors[0].allow_origins == toset(["https://app.example.com"]) && aws_lambda_function_url.live[0].cors[0].allow_methods == toset(["POST"])
    error_message = "The URL must be that of live, take signed requests only, and answer the pages that were named."
  }

  assert {
    condition     = length(aws_lambda_permission.public_url) == 0
    error_message = "Nobody may call a URL unsigned that takes signed requests."
  }

  assert {
    condition     = aws_lambda_function.this.tags == tomap({ Team = "vision" })
    error_message = "Everything must be tagged."
  }
}

run "a_url_for_everybody_lets_everybody_in" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    url = { authorization = "NONE" }
  }

  assert {
    condition     = aws_lambda_function_url.live[0].authorization_type == "NONE" && aws_lambda_permission.public_url[0].action == "lambda:InvokeFunctionUrl" && aws_lambda_permission.public_url[0].principal == "*" && aws_lambda_permission.public_url[0].qualifier == "live" && aws_lambda_permission.public_url[0].function_url_auth_type == "NONE"
    error_message = "The alias must let everybody call the URL, and the URL alone."
  }
}

run "without_an_environment_there_is_nothing_to_encrypt" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    kms_key_arn = "arn:aws:kms:ap-northeast-2:123456789012:key/1"
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == null && aws_cloudwatch_log_group.this.kms_key_id != null
    error_message = "Lambda forgets a key without an environment, and every plan would want to set it."
  }
}

run "a_canary_shares_requests_with_the_newest_version" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    canary = { stable_version = "3", weight = 0.1 }
  }

  assert {
    condition     = aws_lambda_alias.live.function_version == "3" && one(aws_lambda_alias.live.routing_config).additional_version_weights == tomap({ "4" = 0.1 })
    error_message = "The stable version must keep nine requests in ten, the newest get one."
  }
}

run "weight_zero_goes_back_to_an_older_version" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    canary = { stable_version = "2", weight = 0 }
  }

  assert {
    condition     = aws_lambda_alias.live.function_version == "2" && length(aws_lambda_alias.live.routing_config) == 0
    error_message = "An older version must get every request."
  }
}

run "a_canary_needs_a_newer_version" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    canary = { stable_version = "4", weight = 0.1 }
  }

  expect_failures = [aws_lambda_alias.live]
}

run "a_version_that_does_not_say_it_is_ready_stops_the_apply" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  override_resource {
    target          = aws_lambda_invocation.probe
    override_during = plan
    values          = { result = "{\"ready\": false}" }
  }

  expect_failures = [aws_lambda_invocation.probe]
}

run "an_answer_that_is_not_json_stops_it_too" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  override_resource {
    target          = aws_lambda_invocation.probe
    override_during = plan
    values          = { result = "OK" }
  }

  expect_failures = [aws_lambda_invocation.probe]
}

run "an_image_of_another_region_is_refused_early" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serving-lambda-detection@sha256:2222222222222222222222222222222222222222222222222222222222222222"
  }

  expect_failures = [aws_lambda_function.this]
}

run "refuses_what_lambda_would_refuse_late" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    memory_mb            = 10241
    tmp_mb               = 511
    timeout_seconds      = 901
    reserved_concurrency = 0
    environment          = { AWS_REGION = "us-east-1" }
    url                  = { authorization = "JWT" }
    logging              = { format = "Text", system_level = "INFO" }
  }

  expect_failures = [var.memory_mb, var.tmp_mb, var.timeout_seconds, var.reserved_concurrency, var.environment, var.url, var.logging]
}

run "a_canary_names_a_version_that_is_there" {
  command = plan

  module {
    source = "./modules/lambda_inference"
  }

  variables {
    canary = { stable_version = "5", weight = 0 }
  }

  expect_failures = [aws_lambda_alias.live]
}
