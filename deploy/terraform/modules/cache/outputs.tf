output "host" {
  description = "Where the primary listens."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "The port that it listens on."
  value       = aws_elasticache_replication_group.this.port
}

output "username" {
  description = "The user that the server logs in as."
  value       = aws_elasticache_user.this.user_name
}

output "node_ids" {
  description = "The nodes, as metrics name them."
  value       = [for number in range(1, var.settings.nodes + 1) : format("%s-cache-%03d", var.name, number)]
}

output "shape" {
  description = "Its size."
  value = {
    node_type = aws_elasticache_replication_group.this.node_type
    nodes     = aws_elasticache_replication_group.this.num_cache_clusters
    failover  = aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
  }
}
