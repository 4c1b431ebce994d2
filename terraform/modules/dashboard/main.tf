locals {
  # A dashboard is 24 units wide: four charts a row, under a heading.
  row_height = 7

  keys = sort(keys(var.endpoints))

  charts = { for key, endpoint in var.endpoints : key => [
    {
      title = "Requests a minute"
      stat  = "Sum"
      metrics = [for variant in endpoint.variants :
        ["AWS/SageMaker", "Invocations", "EndpointName", endpoint.endpoint_name, "VariantName", variant]
      ]
    },
    {
      title = "Failed requests a minute"
      stat  = "Sum"
      metrics = flatten([for variant in endpoint.variants : [
        for metric in ["Invocation4XXErrors", "Invocation5XXErrors", "InvocationModelErrors"] :
        { row = ["AWS/SageMaker", metric, "EndpointName", endpoint.endpoint_name, "VariantName", variant] }
      ]])[*].row
    },
    {
      title = "Latency, 99th percentile (µs)"
      stat  = "p99"
      metrics = concat(
        flatten([for variant in endpoint.variants : [
          for metric in ["ModelLatency", "OverheadLatency"] :
          { row = ["AWS/SageMaker", metric, "EndpointName", endpoint.endpoint_name, "VariantName", variant] }
        ]])[*].row,
        flatten([for variant in endpoint.variants : [
          for hostname in endpoint.hostnames :
          { row = ["AWS/SageMaker", "ContainerLatency", "EndpointName", endpoint.endpoint_name, "VariantName", variant, "ContainerName", hostname] }
        ]])[*].row,
      )
    },
    {
      title = "CPU and memory in use (%)"
      stat  = "Average"
      metrics = flatten([for variant in endpoint.variants : [
        for metric in ["CPUUtilization", "MemoryUtilization"] :
        { row = ["/aws/sagemaker/Endpoints", metric, "EndpointName", endpoint.endpoint_name, "VariantName", variant] }
      ]])[*].row
    },
  ] }

  headings = [for row, key in local.keys : {
    type       = "text"
    x          = 0
    y          = row * local.row_height
    width      = 24
    height     = 1
    properties = { markdown = "## ${key} (${var.endpoints[key].endpoint_name})" }
  }]

  graphs = flatten([for row, key in local.keys : [for column, chart in local.charts[key] : {
    type   = "metric"
    x      = column * 6
    y      = row * local.row_height + 1
    width  = 6
    height = local.row_height - 1
    properties = {
      title   = chart.title
      region  = var.region
      view    = "timeSeries"
      stat    = chart.stat
      period  = 60
      metrics = chart.metrics
    }
  }]])
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = concat(
    local.headings, local.graphs,
    local.async_headings, local.async_graphs,
    local.serverless_headings, local.serverless_graphs,
    local.function_headings, local.function_graphs,
  ) })
}
