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
