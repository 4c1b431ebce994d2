environment  = "staging"
state_bucket = true
