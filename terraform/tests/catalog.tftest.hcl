mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment = "test"
  region      = "ap-northeast-2"

  endpoints = {
    korean-nlp = {
      pattern       = "multi_container"
      endpoint_name = "serving-test-korean-nlp"
      mode          = "Direct"
      variants      = ["blue"]
      containers = {
        sentiment  = { task = "sentiment", model = "sentiment" }
        similarity = { task = "similarity", model = "similarity" }
      }
    }
  }
}

run "publishes_what_clients_read" {
  command = plan

  module {
    source = "./modules/catalog"
  }

  assert {
    condition     = aws_ssm_parameter.this.name == "/serving/test/catalog" && aws_ssm_parameter.this.type == "String" && aws_ssm_parameter.this.tier == "Standard"
    error_message = "Clients look under /serving/<environment>/catalog."
  }

  assert {
    condition     = aws_ssm_parameter.this.insecure_value == "{\"endpoints\":{\"korean-nlp\":{\"containers\":{\"sentiment\":{\"model\":\"sentiment\",\"task\":\"sentiment\"},\"similarity\":{\"model\":\"similarity\",\"task\":\"similarity\"}},\"endpoint_name\":\"serving-test-korean-nlp\",\"mode\":\"Direct\",\"pattern\":\"multi_container\",\"variants\":[\"blue\"]}},\"environment\":\"test\",\"region\":\"ap-northeast-2\",\"version\":1}"
    error_message = "The catalog must have the form that the contracts define."
  }
}

run "says_where_an_asynchronous_endpoint_takes_requests_and_gives_answers" {
  command = plan

  module {
    source = "./modules/catalog"
  }

  variables {
    endpoints = {
      image-segmentation = {
        pattern       = "async"
        endpoint_name = "serving-test-image-segmentation"
        mode          = "Single"
        variants      = ["blue"]
        containers    = { instance-segmentation = { task = "segmentation", model = "instance_segmentation" } }
        async = {
          input           = "s3://data/async/e/input/"
          output          = "s3://data/async/e/output/"
          failure         = "s3://data/async/e/failure/"
          error_topic_arn = "arn:aws:sns:ap-northeast-2:123456789012:error"
        }
      }
    }
  }

  assert {
    condition     = jsonencode(jsondecode(aws_ssm_parameter.this.insecure_value).endpoints) == "{\"image-segmentation\":{\"async\":{\"error_topic_arn\":\"arn:aws:sns:ap-northeast-2:123456789012:error\",\"failure\":\"s3://data/async/e/failure/\",\"input\":\"s3://data/async/e/input/\",\"output\":\"s3://data/async/e/output/\"},\"containers\":{\"instance-segmentation\":{\"model\":\"instance_segmentation\",\"task\":\"segmentation\"}},\"endpoint_name\":\"serving-test-image-segmentation\",\"mode\":\"Single\",\"pattern\":\"async\",\"variants\":[\"blue\"]}}"
    error_message = "The catalog must have the form that the contracts define, and no queue where there is none."
  }
}

run "says_what_limits_a_serverless_endpoint_and_how_to_call_a_function" {
  command = plan

  module {
    source = "./modules/catalog"
  }

  variables {
    endpoints = {
      sentiment-serverless = {
        pattern       = "serverless"
        endpoint_name = "serving-test-sentiment-serverless"
        mode          = "Single"
        variants      = ["blue"]
        containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
        serverless    = { max_concurrency = 20 }
      }
      object-detection = {
        pattern       = "lambda"
        endpoint_name = "serving-test-object-detection"
        mode          = "Single"
        variants      = []
        containers    = { object-detection = { task = "detection", model = "object_detection" } }
        function      = { qualifier = "live", timeout_s = 30, max_concurrency = 50 }
      }
    }
  }

  assert {
    condition     = jsonencode(jsondecode(aws_ssm_parameter.this.insecure_value).endpoints) == "{\"object-detection\":{\"containers\":{\"object-detection\":{\"model\":\"object_detection\",\"task\":\"detection\"}},\"endpoint_name\":\"serving-test-object-detection\",\"function\":{\"max_concurrency\":50,\"qualifier\":\"live\",\"timeout_s\":30},\"mode\":\"Single\",\"pattern\":\"lambda\",\"variants\":[]},\"sentiment-serverless\":{\"containers\":{\"sentiment\":{\"model\":\"sentiment\",\"task\":\"sentiment\"}},\"endpoint_name\":\"serving-test-sentiment-serverless\",\"mode\":\"Single\",\"pattern\":\"serverless\",\"serverless\":{\"max_concurrency\":20},\"variants\":[\"blue\"]}}"
    error_message = "The catalog must have the form that the contracts define, and no URL where there is none."
  }
}

run "a_long_catalog_takes_the_larger_tier" {
  command = plan

  module {
    source = "./modules/catalog"
  }

  variables {
    endpoints = { for i in range(30) : "endpoint-${i}" => {
      pattern       = "multi_container"
      endpoint_name = "serving-test-endpoint-${i}"
      mode          = "Single"
      variants      = ["blue"]
      containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
    } }
  }

  assert {
    condition     = aws_ssm_parameter.this.tier == "Advanced"
    error_message = "More than 4096 characters need an advanced parameter."
  }
}

run "refuses_a_catalog_that_no_parameter_holds" {
  command = plan

  module {
    source = "./modules/catalog"
  }

  variables {
    endpoints = { for i in range(60) : "endpoint-${i}" => {
      pattern       = "multi_container"
      endpoint_name = "serving-test-endpoint-${i}"
      mode          = "Single"
      variants      = ["blue"]
      containers    = { sentiment = { task = "sentiment", model = "sentiment" } }
    } }
  }

  expect_failures = [aws_ssm_parameter.this]
}
