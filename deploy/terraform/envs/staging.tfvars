# Production's shape at a smaller size.
environment        = "staging"
log_retention_days = 90
connections_max    = 3000
monthly_budget_usd = 600

services = {
  api       = { min = 2, max = 5 }
  sync      = { min = 2, max = 5 }
  compactor = { min = 1, max = 2, spot = true }
}

database = { instance_class = "db.t4g.small", multi_az = true, protected = false }
cache    = { node_type = "cache.t4g.small", nodes = 2 }
