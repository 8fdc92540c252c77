output "arn" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.arn
}

output "name" {
  description = "The cluster's name."
  value       = aws_ecs_cluster_capacity_providers.this.cluster_name
}

output "log_groups" {
  description = "Where each role logs to."
  value       = { for role, group in aws_cloudwatch_log_group.this : role => { name = group.name, arn = group.arn } }
}
