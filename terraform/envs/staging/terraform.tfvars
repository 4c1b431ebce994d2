environment = "staging"

# allowed_account_ids = ["<account of staging>"]
# alarm_emails        = ["oncall@example.com"]

endpoints = {
  korean-nlp = {
    mode = "Direct"

    # Instances like prod's, so that what is measured here holds there.
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

    autoscaling = { min = 1, max = 2, invocations_per_instance = 3000 }
    deployment  = { strategy = "CANARY", step_percent = 50, wait_seconds = 120 }
  }
}
