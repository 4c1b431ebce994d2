environment = "dev"

# allowed_account_ids = ["<account of dev>"]
# alarm_emails        = ["oncall@example.com"]

endpoints = {
  korean-nlp = {
    mode = "Direct"

    variants = {
      blue = {
        instance_type = "ml.m5.large"

        containers = {
          sentiment     = { model = "sentiment" }
          similarity    = { model = "similarity" }
          summarization = { model = "summarization" }
        }
      }
    }

    deployment = { strategy = "ALL_AT_ONCE", wait_seconds = 60, termination_wait_seconds = 0 }
  }
}

# Costs nothing while nobody asks: the first request after a pause waits for an instance, about five minutes.
async_endpoints = {
  image-segmentation = {
    model         = "instance_segmentation"
    instance_type = "ml.m5.large"

    autoscaling = { min = 0, max = 1, backlog_per_instance = 5 }
    deployment  = { strategy = "ALL_AT_ONCE", wait_seconds = 60, termination_wait_seconds = 0 }
  }
}

# Nothing of the next two costs anything while nobody asks.
serverless_endpoints = {
  sentiment-serverless  = { model = "sentiment", memory_mb = 2048, max_concurrency = 5 }
  similarity-serverless = { model = "similarity", memory_mb = 2048, max_concurrency = 5 }
}

functions = {
  object-detection = {
    model           = "object_detection"
    memory_mb       = 3538 # two vCPUs
    timeout_seconds = 30
    url             = {} # requests to it are signed
  }

  sentiment-function = {
    model           = "sentiment"
    memory_mb       = 1769 # one vCPU
    timeout_seconds = 30
  }
}
