output "frontend_bucket_name" {
  description = "The bucket of the site."
  value       = module.storage.frontend_bucket.name
}

output "documents_bucket_name" {
  description = "The bucket of the snapshots."
  value       = module.storage.documents_bucket.name
}

output "cloudfront_id" {
  description = "The distribution, for invalidations."
  value       = module.edge.distribution_id
}

output "cloudfront_url" {
  description = "The address that people use."
  value       = "https://${module.edge.host}"
}

output "alb_dns_name" {
  description = "The load balancer, which answers CloudFront alone."
  value       = module.alb.dns_name
}

output "websocket_url" {
  description = "The address of the sync sockets."
  value       = "wss://${module.edge.host}/socket"
}

output "dashboard_url" {
  description = "The dashboard."
  value       = module.monitoring.dashboard_url
}

output "alarm_names" {
  description = "The alarms."
  value       = module.monitoring.alarm_names
}

output "shape" {
  description = "What stands, in sizes and numbers."
  value = {
    network  = module.network.shape
    database = module.database.shape
    cache    = module.cache.shape
    services = { for role, service in module.service : role => service.shape }
  }
}

output "cluster_name" {
  description = "The cluster of the services."
  value       = module.cluster.name
}

output "task_definitions" {
  description = "What is to run: a line for each service, its name and its task definition."
  value       = join("\n", [for service in values(module.service) : "${service.name} ${service.task_definition}"])
}

output "image" {
  description = "The image that runs."
  value       = var.image
}
