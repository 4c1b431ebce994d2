locals {
  serverless_keys = sort(keys(var.serverless_endpoints))

  serverless_charts = { for key, endpoint in var.serverless_endpoints : key => [
    {
      title   = "Requests and failures a minute"
      stat    = "Sum"
      metrics = ["Invocations", "Invocation4XXErrors", "Invocation5XXErrors"]
    },
    {
      title   = "Share of max_concurrency in use"
      stat    = "Maximum"
      metrics = ["ServerlessConcurrentExecutionsUtilization"]
    },
    {
      title   = "Latency and cold starts, 99th percentile (µs)"
      stat    = "p99"
      metrics = ["ModelLatency", "OverheadLatency", "ModelSetupTime"]
    },
    endpoint.provisioned ? {
      title   = "Environments kept ready, and share of them in use"
      stat    = "Maximum"
      metrics = ["ServerlessProvisionedConcurrencyExecutions", "ServerlessProvisionedConcurrencyUtilization"]
      } : {
      title   = "Memory in use (%)"
      stat    = "Maximum"
      metrics = ["MemoryUtilization"]
    },
  ] }

  # Below the asynchronous endpoints.
  serverless_top = local.async_top + length(local.async_keys) * local.async_row_height

  serverless_headings = [for row, key in local.serverless_keys : {
    type       = "text"
    x          = 0
    y          = local.serverless_top + row * local.row_height
    width      = 24
    height     = 1
    properties = { markdown = "## ${key} (${var.serverless_endpoints[key].endpoint_name}, serverless)" }
  }]

  serverless_graphs = flatten([for row, key in local.serverless_keys : [for column, chart in local.serverless_charts[key] : {
    type   = "metric"
    x      = column * 6
    y      = local.serverless_top + row * local.row_height + 1
    width  = 6
    height = local.row_height - 1
    properties = {
      title  = chart.title
      region = var.region
      view   = "timeSeries"
      stat   = chart.stat
      period = 60
      metrics = [for metric in chart.metrics : [
        metric == "MemoryUtilization" ? "/aws/sagemaker/Endpoints" : "AWS/SageMaker", metric,
        "EndpointName", var.serverless_endpoints[key].endpoint_name, "VariantName", var.serverless_endpoints[key].variant_name,
      ]]
    }
  }]])
}
