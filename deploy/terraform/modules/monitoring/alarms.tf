# Every threshold is here or in var.thresholds, for the alarm and for its line on the dashboard.
locals {
  common = { statistic = "Average", period = 60, periods = 5, below = false }

  balancer = { for key, alarm in {
    alb-latency    = { says = "Answers take longer than ${var.thresholds.latency_s} s", metric = "TargetResponseTime", threshold = var.thresholds.latency_s }
    alb-5xx        = { says = "The load balancer itself answers with errors", metric = "HTTPCode_ELB_5XX_Count", threshold = var.thresholds.errors_5m, statistic = "Sum", period = 300, periods = 1 }
    alb-target-5xx = { says = "The server answers with errors", metric = "HTTPCode_Target_5XX_Count", threshold = var.thresholds.errors_5m, statistic = "Sum", period = 300, periods = 1 }
  } : key => merge(local.common, { namespace = "AWS/ApplicationELB", dimensions = { LoadBalancer = var.balancer.arn_suffix } }, alarm) }

  unhealthy = { for role, suffix in var.balancer.target_groups : "alb-unhealthy-${role}" => merge(local.common, {
    says       = "Tasks of ${role} are not ready", namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", periods = 2, threshold = 0
    dimensions = { LoadBalancer = var.balancer.arn_suffix, TargetGroup = suffix }
  }) }

  tasks = merge([for role in ["api", "sync"] : { for key, metric in { cpu = "CPUUtilization", memory = "MemoryUtilization" } :
    "${role}-${key}" => merge(local.common, {
      says       = "Tasks of ${role} run out of ${key}", namespace = "AWS/ECS", metric = metric, threshold = var.thresholds.task_percent
      dimensions = { ClusterName = var.cluster_name, ServiceName = var.services[role] }
    })
  }]...)

  database = { for key, alarm in {
    db-cpu     = { says = "The database is busy", metric = "CPUUtilization", threshold = var.thresholds.db_cpu_percent }
    db-storage = { says = "The database runs out of storage", metric = "FreeStorageSpace", threshold = var.thresholds.db_free_gb * 1024 * 1024 * 1024, statistic = "Minimum", below = true }
  } : key => merge(local.common, { namespace = "AWS/RDS", dimensions = { DBInstanceIdentifier = var.database_identifier } }, alarm) }

  cache = merge([for node in var.cache_nodes : { for key, alarm in {
    cpu       = { says = "The cache is busy", metric = "CPUUtilization", threshold = var.thresholds.cache_cpu_percent }
    memory    = { says = "The cache fills; once full it takes no edit", metric = "DatabaseMemoryUsagePercentage", threshold = var.thresholds.cache_memory_percent }
    evictions = { says = "The cache evicts, and so loses edits: its policy is not noeviction", metric = "Evictions", threshold = 0, statistic = "Sum", periods = 1 }
  } : "${node}-${key}" => merge(local.common, { namespace = "AWS/ElastiCache", dimensions = { CacheClusterId = node } }, alarm) }]...)

  # Metrics of the server itself.
  sync = { for key, alarm in {
    connections-near-cap = { says = "A task holds nearly as many sockets as it may", metric = var.metrics.connections_used, threshold = var.thresholds.connections_percent, statistic = "Maximum", periods = 3 }
    logs-lost            = { says = "The cache has lost edits; nodes that hold them write them again", metric = var.metrics.logs_lost, threshold = 0, statistic = "Sum", period = 300, periods = 1 }
    edit-to-peer-p95     = { says = "Edits reach other people slowly", metric = var.metrics.edit_to_peer_p95, threshold = var.thresholds.edit_to_peer_ms, statistic = "Maximum" }
  } : key => merge(local.common, { namespace = var.metrics.namespace, dimensions = { Service = "sync", Environment = var.environment } }, alarm) }

  # Of every role, because each has its own connections and takes its own snapshots.
  roles = merge([for role in keys(var.services) : { for key, alarm in {
    compaction-failures    = { says = "Snapshots cannot be taken", metric = var.metrics.compaction_failures, threshold = 0, statistic = "Sum", period = 300, periods = 1 }
    snapshots-damaged      = { says = "A snapshot does not load; the one before it and the log stand in for it", metric = var.metrics.snapshots_damaged, threshold = 0, statistic = "Sum", period = 300, periods = 1 }
    stores-unavailable     = { says = "A store does not answer; open documents go on, and nothing else", metric = var.metrics.stores_unavailable, threshold = 0, statistic = "Maximum", periods = 2 }
    oldest-unarchived-edit = { says = "An edit has waited long for its snapshot", metric = var.metrics.oldest_unarchived_edit, threshold = var.thresholds.unarchived_s, statistic = "Maximum", periods = 3 }
  } : "${role}-${key}" => merge(local.common, { namespace = var.metrics.namespace, dimensions = { Service = role, Environment = var.environment } }, alarm) }]...)

  alarms = merge(local.balancer, local.unhealthy, local.tasks, local.database, local.cache, local.sync, local.roles)
}
