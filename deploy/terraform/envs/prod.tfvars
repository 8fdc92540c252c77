# checks.tf refuses less than two of everything.
environment        = "prod"
log_retention_days = 365
connections_max    = 10000
monthly_budget_usd = 1500

# 104 tasks of 3 connections are 312 of the about 400 that the class has. More tasks need a larger class first.
database_connections = 3

services = {
  api       = { cpu = 1024, memory = 2048, min = 4, max = 50 }
  sync      = { cpu = 1024, memory = 2048, min = 4, max = 50 }
  compactor = { min = 2, max = 4, spot = true, on_demand_base = 1 }
}

database = { instance_class = "db.t4g.medium", storage_gb_max = 500, multi_az = true, backup_days = 14, protected = true }

# With three nodes an edit counts as saved once a replica has it too. Two are cheaper: then it counts once the primary has it, and the
# loss of that costs what no other node of CodeSync still holds.
cache = { node_type = "cache.r7g.large", nodes = 3 }
