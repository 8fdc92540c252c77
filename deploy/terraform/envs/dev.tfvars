# Cheap and small: one zone is enough, and it can be deleted.
environment         = "dev"
nat_gateway_count   = 1
interface_endpoints = false
log_retention_days  = 30
connections_max     = 1000
monthly_budget_usd  = 200

services = {
  api       = { cpu = 256, memory = 512, min = 1, max = 3, spot = true }
  sync      = { cpu = 512, memory = 1024, min = 1, max = 3, spot = true }
  compactor = { cpu = 256, memory = 512, min = 1, max = 1, spot = true }
}

database = { instance_class = "db.t4g.micro", storage_gb_max = 50, multi_az = false, protected = false }
cache    = { node_type = "cache.t4g.micro", nodes = 1 }
