locals {
  # Graphs without an alarm.
  business = { for title, names in {
    "Sockets and documents" = [var.metrics.active_connections, var.metrics.active_documents]
    "Editors a document"    = [var.metrics.editors_per_document]
    "Edits a second"        = [var.metrics.edits_per_second]
    "Log behind snapshots"  = [var.metrics.log_lag]
    "Left by dead nodes"    = [var.metrics.documents_to_sweep]
  } : title => [for name in names : [var.metrics.namespace, name, "Service", name == var.metrics.documents_to_sweep ? "compactor" : "sync", "Environment", var.environment]] }

  infrastructure = {
    "Requests"             = [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.balancer.arn_suffix]]
    "Tasks"                = [for name in values(var.services) : ["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", var.cluster_name, "ServiceName", name]]
    "Database connections" = [["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", var.database_identifier]]
    "Cache network"        = flatten([for node in var.cache_nodes : [for name in ["NetworkBytesIn", "NetworkBytesOut"] : { row = ["AWS/ElastiCache", name, "CacheClusterId", node] }]])[*].row
  }

  unwatched = concat(
    [for title, rows in local.business : { title = title, metrics = rows }],
    [for title, rows in local.infrastructure : { title = title, metrics = rows }],
  )

  watched = [for key, alarm in local.alarms : {
    title   = alarm.says
    metrics = [concat([alarm.namespace, alarm.metric], flatten([for name, value in alarm.dimensions : [name, value]]), [{ stat = alarm.statistic, period = alarm.period }])]
    line    = alarm.threshold
  }]

  widgets = [for index, widget in concat([for widget in local.unwatched : merge(widget, { line = null })], local.watched) : {
    type   = "metric"
    x      = 8 * (index % 3)
    y      = 6 * floor(index / 3)
    width  = 8
    height = 6
    properties = {
      title       = widget.title
      region      = var.region
      view        = "timeSeries"
      metrics     = widget.metrics
      annotations = { horizontal = widget.line == null ? [] : [{ label = "alarm", value = widget.line }] }
    }
  }]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "codesync-${var.environment}-dashboard"
  dashboard_body = jsonencode({ widgets = local.widgets })
}
