# Every environment, as its terraform.tfvars stands today, on a release like the one that `invoke release` writes.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  release = {
    images = {
      gluoncv  = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-gluoncv@sha256:1111111111111111111111111111111111111111111111111111111111111111"
      nlp_onnx = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-nlp-onnx@sha256:0000000000000000000000000000000000000000000000000000000000000000"

      lambda_detection = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-lambda-detection@sha256:2222222222222222222222222222222222222222222222222222222222222222"
      lambda_sentiment = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/serving-lambda-sentiment@sha256:3333333333333333333333333333333333333333333333333333333333333333"
    }
    models = {
      instance_segmentation = { image = "gluoncv", task = "segmentation", archive = "s3://artifacts/models/instance_segmentation/dd/model.tar.gz" }

      object_detection = { task = "detection", function_image = "lambda_detection" }

      sentiment     = { image = "nlp_onnx", function_image = "lambda_sentiment", task = "sentiment", archive = "s3://artifacts/models/sentiment/aa/model.tar.gz" }
      similarity    = { image = "nlp_onnx", task = "similarity", archive = "s3://artifacts/models/similarity/bb/model.tar.gz" }
      summarization = { image = "nlp_onnx", task = "summarization", archive = "s3://artifacts/models/summarization/cc/model.tar.gz" }
    }
  }
}

run "tfvars_of_local" {
  command = plan

  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "local"
  }
}

run "local_serves_in_every_pattern" {
  command = plan

  module {
    source = "./envs/local"
  }

  variables {
    environment = run.tfvars_of_local.values.environment
    endpoints   = run.tfvars_of_local.values.endpoints

    async_endpoints      = run.tfvars_of_local.values.async_endpoints
    serverless_endpoints = run.tfvars_of_local.values.serverless_endpoints
    functions            = run.tfvars_of_local.values.functions
  }

  assert {
    condition     = output.catalog_parameter == "/serving/local/catalog" && output.endpoints["korean-nlp"].name == "serving-local-korean-nlp" && output.endpoints["korean-nlp"].mode == "Direct"
    error_message = "terraform.tfvars of local must give the endpoint korean-nlp in Direct mode."
  }

  assert {
    condition     = output.async_endpoints["image-segmentation"].name == "serving-local-image-segmentation" && output.async_endpoints["image-segmentation"].input == "s3://serving-data-123456789012-ap-northeast-2/async/serving-local-image-segmentation/input/" && output.async_endpoints["image-segmentation"].queue_url != null
    error_message = "terraform.tfvars of local must give the asynchronous endpoint image-segmentation, with a queue for its clients."
  }

  assert {
    condition     = [for endpoint in values(output.serverless_endpoints) : endpoint.name] == ["serving-local-sentiment-serverless", "serving-local-similarity-serverless"]
    error_message = "terraform.tfvars of local must give the serverless endpoints sentiment-serverless and similarity-serverless."
  }

  assert {
    condition     = { for key, function in output.functions : key => [function.name, function.url != null, function.failure_queue_url != null] } == { object-detection = ["serving-local-object-detection", true, true], sentiment-function = ["serving-local-sentiment-function", false, false] }
    error_message = "terraform.tfvars of local must give the functions object-detection, with a URL and a queue of failed events, and sentiment-function."
  }
}

run "tfvars_of_dev" {
  command = plan

  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "dev"
  }
}

run "dev_serves_in_every_pattern" {
  command = plan

  module {
    source = "./envs/dev"
  }

  variables {
    environment = run.tfvars_of_dev.values.environment
    endpoints   = run.tfvars_of_dev.values.endpoints

    async_endpoints      = run.tfvars_of_dev.values.async_endpoints
    serverless_endpoints = run.tfvars_of_dev.values.serverless_endpoints
    functions            = run.tfvars_of_dev.values.functions
  }

  assert {
    condition     = output.catalog_parameter == "/serving/dev/catalog" && output.endpoints["korean-nlp"].name == "serving-dev-korean-nlp" && output.endpoints["korean-nlp"].mode == "Direct"
    error_message = "terraform.tfvars of dev must give the endpoint korean-nlp in Direct mode."
  }

  assert {
    condition     = output.async_endpoints["image-segmentation"].name == "serving-dev-image-segmentation" && output.async_endpoints["image-segmentation"].input == "s3://serving-data-123456789012-ap-northeast-2/async/serving-dev-image-segmentation/input/" && output.async_endpoints["image-segmentation"].queue_url != null
    error_message = "terraform.tfvars of dev must give the asynchronous endpoint image-segmentation, with a queue for its clients."
  }

  assert {
    condition     = [for endpoint in values(output.serverless_endpoints) : endpoint.name] == ["serving-dev-sentiment-serverless", "serving-dev-similarity-serverless"]
    error_message = "terraform.tfvars of dev must give the serverless endpoints sentiment-serverless and similarity-serverless."
  }

  assert {
    condition     = { for key, function in output.functions : key => [function.name, function.url != null, function.failure_queue_url != null] } == { object-detection = ["serving-dev-object-detection", true, true], sentiment-function = ["serving-dev-sentiment-function", false, true] }
    error_message = "terraform.tfvars of dev must give the functions object-detection, with a URL and a queue of failed events, and sentiment-function."
  }
}

run "tfvars_of_staging" {
  command = plan

  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "staging"
  }
}

run "staging_serves_in_every_pattern" {
  command = plan

  module {
    source = "./envs/staging"
  }

  variables {
    environment = run.tfvars_of_staging.values.environment
    endpoints   = run.tfvars_of_staging.values.endpoints

    async_endpoints      = run.tfvars_of_staging.values.async_endpoints
    serverless_endpoints = run.tfvars_of_staging.values.serverless_endpoints
    functions            = run.tfvars_of_staging.values.functions
  }

  assert {
    condition     = output.catalog_parameter == "/serving/staging/catalog" && output.endpoints["korean-nlp"].name == "serving-staging-korean-nlp" && output.endpoints["korean-nlp"].mode == "Direct"
    error_message = "terraform.tfvars of staging must give the endpoint korean-nlp in Direct mode."
  }

  assert {
    condition     = output.async_endpoints["image-segmentation"].name == "serving-staging-image-segmentation" && output.async_endpoints["image-segmentation"].input == "s3://serving-data-123456789012-ap-northeast-2/async/serving-staging-image-segmentation/input/" && output.async_endpoints["image-segmentation"].queue_url != null
    error_message = "terraform.tfvars of staging must give the asynchronous endpoint image-segmentation, with a queue for its clients."
  }

  assert {
    condition     = [for endpoint in values(output.serverless_endpoints) : endpoint.name] == ["serving-staging-sentiment-serverless", "serving-staging-similarity-serverless"]
    error_message = "terraform.tfvars of staging must give the serverless endpoints sentiment-serverless and similarity-serverless."
  }

  assert {
    condition     = { for key, function in output.functions : key => [function.name, function.url != null, function.failure_queue_url != null] } == { object-detection = ["serving-staging-object-detection", true, true], sentiment-function = ["serving-staging-sentiment-function", false, true] }
    error_message = "terraform.tfvars of staging must give the functions object-detection, with a URL and a queue of failed events, and sentiment-function."
  }
}

run "tfvars_of_prod" {
  command = plan

  module {
    source = "./tests/tfvars"
  }

  variables {
    environment = "prod"
  }
}

run "prod_serves_in_every_pattern" {
  command = plan

  module {
    source = "./envs/prod"
  }

  variables {
    environment = run.tfvars_of_prod.values.environment
    endpoints   = run.tfvars_of_prod.values.endpoints

    async_endpoints      = run.tfvars_of_prod.values.async_endpoints
    serverless_endpoints = run.tfvars_of_prod.values.serverless_endpoints
    functions            = run.tfvars_of_prod.values.functions
  }

  assert {
    condition     = output.catalog_parameter == "/serving/prod/catalog" && output.endpoints["korean-nlp"].name == "serving-prod-korean-nlp" && output.endpoints["korean-nlp"].mode == "Direct"
    error_message = "terraform.tfvars of prod must give the endpoint korean-nlp in Direct mode."
  }

  assert {
    condition     = output.async_endpoints["image-segmentation"].name == "serving-prod-image-segmentation" && output.async_endpoints["image-segmentation"].input == "s3://serving-data-123456789012-ap-northeast-2/async/serving-prod-image-segmentation/input/" && output.async_endpoints["image-segmentation"].queue_url != null
    error_message = "terraform.tfvars of prod must give the asynchronous endpoint image-segmentation, with a queue for its clients."
  }

  assert {
    condition     = [for endpoint in values(output.serverless_endpoints) : endpoint.name] == ["serving-prod-sentiment-serverless", "serving-prod-similarity-serverless"]
    error_message = "terraform.tfvars of prod must give the serverless endpoints sentiment-serverless and similarity-serverless."
  }

  assert {
    condition     = { for key, function in output.functions : key => [function.name, function.url != null, function.failure_queue_url != null] } == { object-detection = ["serving-prod-object-detection", true, true], sentiment-function = ["serving-prod-sentiment-function", false, true] }
    error_message = "terraform.tfvars of prod must give the functions object-detection, with a URL and a queue of failed events, and sentiment-function."
  }
}
