locals {
  # Two lines of three charts under each heading, as for asynchronous endpoints.
  function_row_height = local.async_row_height

  function_keys = sort(keys(var.functions))

  # Of calls through the alias, but for the concurrency, which Lambda counts by function, and the init, which module
  # lambda_alarms reads from the log.
  function_charts = { for key, function in var.functions : key => [
    {
      title     = "Invocations and errors a minute"
      namespace = "AWS/Lambda"
      stat      = "Sum"
      metrics   = ["Invocations", "Errors", "Throttles"]
      of        = local.function_dimensions[key].alias
    },
    {
      title     = "Duration, 99th percentile (ms)"
      namespace = "AWS/Lambda"
      stat      = "p99"
      metrics   = ["Duration"]
      of        = local.function_dimensions[key].alias
    },
    {
      title     = "Cold starts, longest init (ms)"
      namespace = "Serving/Lambda/${function.function_name}"
      stat      = "Maximum"
      metrics   = ["InitDuration"]
      of        = []
    },
    {
      title     = "Execution environments in use"
      namespace = "AWS/Lambda"
      stat      = "Maximum"
      metrics   = ["ConcurrentExecutions"]
      of        = local.function_dimensions[key].function
    },
    {
      title     = "Environments kept ready: share in use, and requests that found none"
      namespace = "AWS/Lambda"
      stat      = "Maximum"
      metrics   = function.provisioned ? ["ProvisionedConcurrencyUtilization", "ProvisionedConcurrencySpilloverInvocations"] : []
      of        = local.function_dimensions[key].alias
    },
    {
      title     = "Events: received, dropped, not recorded"
      namespace = "AWS/Lambda"
      stat      = "Sum"
      metrics   = ["AsyncEventsReceived", "AsyncEventsDropped", "DestinationDeliveryFailures"]
      of        = local.function_dimensions[key].alias
    },
  ] }

  function_dimensions = { for key, function in var.functions : key => {
    function = ["FunctionName", function.function_name]
    alias    = ["FunctionName", function.function_name, "Resource", "${function.function_name}:${function.qualifier}"]
  } }

  # Below the serverless endpoints.
  function_top = local.serverless_top + length(local.serverless_keys) * local.row_height

  function_headings = [for row, key in local.function_keys : {
    type       = "text"
    x          = 0
    y          = local.function_top + row * local.function_row_height
    width      = 24
    height     = 1
    properties = { markdown = "## ${key} (${var.functions[key].function_name}, Lambda)" }
  }]

  # A chart without metrics is left out; its place stays empty.
  function_graphs = flatten([for row, key in local.function_keys : [for number, chart in local.function_charts[key] : {
    type   = "metric"
    x      = number % 3 * 8
    y      = local.function_top + row * local.function_row_height + 1 + floor(number / 3) * 6
    width  = 8
    height = 6
    properties = {
      title   = chart.title
      region  = var.region
      view    = "timeSeries"
      stat    = chart.stat
      period  = 60
      metrics = [for metric in chart.metrics : concat([chart.namespace, metric], chart.of)]
    }
  } if length(chart.metrics) > 0]])
}
