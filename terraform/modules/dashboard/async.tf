locals {
  # Two lines of three charts under each heading.
  async_row_height = 13

  async_keys = sort(keys(var.async_endpoints))

  # A chart's `of` are the dimensions of its metrics: those of the queue know no variant.
  async_charts = { for key, endpoint in var.async_endpoints : key => [
    {
      title   = "Backlog (requests waiting or in process)"
      stat    = "Maximum"
      metrics = ["ApproximateBacklogSize", "ApproximateBacklogSizePerInstance", "HasBacklogWithoutCapacity"]
      of      = ["EndpointName", endpoint.endpoint_name]
    },
    {
      title   = "Age of the oldest request (s)"
      stat    = "Maximum"
      metrics = ["ApproximateAgeOfOldestRequest"]
      of      = ["EndpointName", endpoint.endpoint_name]
    },
    {
      title   = "Processing time, 99th percentile (ms, with the time in the backlog)"
      stat    = "p99"
      metrics = ["TotalProcessingTime"]
      of      = ["EndpointName", endpoint.endpoint_name, "VariantName", endpoint.variant_name]
    },
    {
      title   = "Requests processed"
      stat    = "Sum"
      metrics = ["InvocationsProcessed"]
      of      = ["EndpointName", endpoint.endpoint_name, "VariantName", endpoint.variant_name]
    },
    {
      title   = "Failed requests"
      stat    = "Sum"
      metrics = ["InvocationFailures", "ExpiredRequests", "RequestDownloadFailures", "ResponseUploadFailures", "NotificationFailures"]
      of      = ["EndpointName", endpoint.endpoint_name, "VariantName", endpoint.variant_name]
    },
    {
      # No metric says how many instances there are, but each reports its load once a minute (SageMaker API,
      # MetricsConfig), so the number of reports does.
      title   = "Instances in service"
      stat    = "SampleCount"
      metrics = ["CPUUtilization"]
      of      = ["EndpointName", endpoint.endpoint_name, "VariantName", endpoint.variant_name]
    },
  ] }

  # Below the real-time endpoints.
  async_top = length(local.keys) * local.row_height

  async_headings = [for row, key in local.async_keys : {
    type       = "text"
    x          = 0
    y          = local.async_top + row * local.async_row_height
    width      = 24
    height     = 1
    properties = { markdown = "## ${key} (${var.async_endpoints[key].endpoint_name}, asynchronous)" }
  }]

  async_graphs = flatten([for row, key in local.async_keys : [for number, chart in local.async_charts[key] : {
    type   = "metric"
    x      = number % 3 * 8
    y      = local.async_top + row * local.async_row_height + 1 + floor(number / 3) * 6
    width  = 8
    height = 6
    properties = {
      title   = chart.title
      region  = var.region
      view    = "timeSeries"
      stat    = chart.stat
      period  = 60
      metrics = [for metric in chart.metrics : concat([metric == "CPUUtilization" ? "/aws/sagemaker/Endpoints" : "AWS/SageMaker", metric], chart.of)]
    }
  }]])
}
