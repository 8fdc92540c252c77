output "alb_group_id" {
  description = "The load balancer's group."
  value       = aws_security_group.alb.id
}

output "service_group_ids" {
  description = "The group of each service, by its role."
  value       = { for role, group in aws_security_group.service : role => group.id }
}

output "database_group_id" {
  description = "The database's group."
  value       = aws_security_group.store["database"].id
}

output "cache_group_id" {
  description = "The cache's group."
  value       = aws_security_group.store["cache"].id
}

output "key_arns" {
  description = "The keys by purpose: data, logs, alerts, secrets."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}
