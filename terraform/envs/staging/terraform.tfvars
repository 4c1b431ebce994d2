environment = "staging"

# allowed_account_ids = ["<account of staging>"]
# alarm_emails        = ["oncall@example.com"]

endpoints = {
  korean-nlp = {
    mode = "Direct"

    # Instances and updates like prod's, so that what is measured here holds there; a canary needs two instances.
    variants = {
      blue = {
        instance_type = "ml.m5.xlarge"

        containers = {
          sentiment     = { model = "sentiment" }
          similarity    = { model = "similarity" }
          summarization = { model = "summarization" }
        }
      }
    }

    autoscaling = { min = 2, max = 3, invocations_per_instance = 3000 }
    deployment  = { strategy = "CANARY", step_percent = 50, wait_seconds = 120 }
  }
}

async_endpoints = {
  image-segmentation = {
    model                      = "instance_segmentation"
    instance_type              = "ml.m5.xlarge"
    invocation_timeout_seconds = 1800

    autoscaling = { min = 0, max = 2, backlog_per_instance = 5 }
    deployment  = { strategy = "ALL_AT_ONCE", wait_seconds = 120 }
  }
}
