environment  = "prod"
state_bucket = true
