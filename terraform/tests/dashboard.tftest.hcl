mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name   = "serving-test"
  region = "ap-northeast-2"

  endpoints = {
    korean-nlp = { endpoint_name = "serving-test-korean-nlp", variants = ["blue", "green"], hostnames = ["sentiment", "similarity"] }
    plain      = { endpoint_name = "serving-test-plain", variants = ["blue"], hostnames = [] }
  }
}

run "draws_a_row_of_four_charts_an_endpoint" {
  command = plan

  module {
    source = "./modules/dashboard"
  }

  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.y if widget.type == "metric"] == [1, 1, 1, 1, 8, 8, 8, 8]
    error_message = "Rows must lie under one another."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[2].properties.metrics == [for variant in ["blue", "green"] : ["AWS/SageMaker", "Invocations", "EndpointName", "serving-test-korean-nlp", "VariantName", variant]]
    error_message = "Requests must be drawn for each variant."
  }

  assert {
    condition = length([for metric in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[4].properties.metrics :
      metric if metric[1] == "ContainerLatency"
    ]) == 4
    error_message = "Each container of each variant must have its latency drawn."
  }

  assert {
    condition     = output.url == "https://ap-northeast-2.console.aws.amazon.com/cloudwatch/home?region=ap-northeast-2#dashboards/dashboard/serving-test"
    error_message = "The address must open the dashboard."
  }
}

run "draws_the_queue_of_an_asynchronous_endpoint_below_the_others" {
  command = plan

  module {
    source = "./modules/dashboard"
  }

  variables {
    async_endpoints = { image-segmentation = { endpoint_name = "serving-test-image-segmentation", variant_name = "blue" } }
  }

  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.x, widget.y] if widget.type == "metric" && widget.y > 14] == [
      [0, 15], [8, 15], [16, 15], [0, 21], [8, 21], [16, 21],
    ]
    error_message = "Two rows of three charts must lie under the real-time endpoints."
  }

  assert {
    condition = jsonencode([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.metrics[0] if widget.type == "metric" && widget.y > 14]) == jsonencode([
      ["AWS/SageMaker", "ApproximateBacklogSize", "EndpointName", "serving-test-image-segmentation"],
      ["AWS/SageMaker", "ApproximateAgeOfOldestRequest", "EndpointName", "serving-test-image-segmentation"],
      ["AWS/SageMaker", "TotalProcessingTime", "EndpointName", "serving-test-image-segmentation", "VariantName", "blue"],
      ["AWS/SageMaker", "InvocationsProcessed", "EndpointName", "serving-test-image-segmentation", "VariantName", "blue"],
      ["AWS/SageMaker", "InvocationFailures", "EndpointName", "serving-test-image-segmentation", "VariantName", "blue"],
      ["/aws/sagemaker/Endpoints", "CPUUtilization", "EndpointName", "serving-test-image-segmentation", "VariantName", "blue"],
    ])
    error_message = "Backlog, age, time, work, failures and instances must be drawn, each with the dimensions that AWS publishes."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "A dashboard is 24 units wide."
  }
}

run "draws_what_has_no_instances_below_them" {
  command = plan

  module {
    source = "./modules/dashboard"
  }

  variables {
    async_endpoints = { image-segmentation = { endpoint_name = "serving-test-image-segmentation", variant_name = "blue" } }
    serverless_endpoints = {
      cold = { endpoint_name = "serving-test-cold", variant_name = "blue", provisioned = false }
      warm = { endpoint_name = "serving-test-warm", variant_name = "blue", provisioned = true }
    }
    functions = {
      cold-function = { function_name = "serving-test-cold-function", qualifier = "live", provisioned = false }
      warm-function = { function_name = "serving-test-warm-function", qualifier = "live", provisioned = true }
    }
  }

  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.y if widget.type == "text"] == [0, 7, 14, 27, 34, 41, 54]
    error_message = "Headings must lie under one another, each below what belongs to the one before."
  }

  assert {
    condition = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [widget.x, widget.y] if widget.type == "metric" && widget.y > 27] == [
      [0, 28], [6, 28], [12, 28], [18, 28], [0, 35], [6, 35], [12, 35], [18, 35],
      [0, 42], [8, 42], [16, 42], [0, 48], [16, 48], [0, 55], [8, 55], [16, 55], [0, 61], [8, 61], [16, 61],
    ]
    error_message = "A row of four charts for a serverless endpoint, two of three for a function, less what it does not have."
  }

  assert {
    condition = jsonencode([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.metrics[0] if widget.type == "metric" && widget.y >= 35 && widget.y <= 48]) == jsonencode([
      ["AWS/SageMaker", "Invocations", "EndpointName", "serving-test-warm", "VariantName", "blue"],
      ["AWS/SageMaker", "ServerlessConcurrentExecutionsUtilization", "EndpointName", "serving-test-warm", "VariantName", "blue"],
      ["AWS/SageMaker", "ModelLatency", "EndpointName", "serving-test-warm", "VariantName", "blue"],
      ["AWS/SageMaker", "ServerlessProvisionedConcurrencyExecutions", "EndpointName", "serving-test-warm", "VariantName", "blue"],
      ["AWS/Lambda", "Invocations", "FunctionName", "serving-test-cold-function", "Resource", "serving-test-cold-function:live"],
      ["AWS/Lambda", "Duration", "FunctionName", "serving-test-cold-function", "Resource", "serving-test-cold-function:live"],
      ["Serving/Lambda/serving-test-cold-function", "InitDuration"],
      ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", "serving-test-cold-function"],
      ["AWS/Lambda", "AsyncEventsReceived", "FunctionName", "serving-test-cold-function", "Resource", "serving-test-cold-function:live"],
    ])
    error_message = "Each metric must be drawn with the dimensions that AWS publishes."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "A dashboard is 24 units wide."
  }
}
