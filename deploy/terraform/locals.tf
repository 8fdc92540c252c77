data "aws_caller_identity" "this" {}

# ElastiCache offers no way to keep its passwords out of the state, which is encrypted for that reason.
data "aws_secretsmanager_secret_version" "redis" {
  secret_id = var.redis_secret_arn
}

locals {
  name       = "codesync-${var.environment}"
  tags       = { Project = "CodeSync", Environment = var.environment }
  account_id = data.aws_caller_identity.this.account_id

  availability_zones = length(var.availability_zones) == 2 ? var.availability_zones : ["${var.region}a", "${var.region}b"]

  makes_certificates = var.hosted_zone_id != "" && var.certificate_arn == null
  tls                = var.domain_name != ""
  repository_arn     = format("arn:aws:ecr:%s:%s:repository/%s", local.registry[3], local.registry[0], trimprefix(split("@", var.image)[0], "${local.registry_host}/"))
  registry_host      = split("/", var.image)[0]
  registry           = split(".", local.registry_host)

  # The agreement with the server; server/tests/it/deploy.rs reads the same file. It is valid JSON before and after
  # values are filled in.
  contract_file = "${path.module}/services.json"
  contract      = jsondecode(file(local.contract_file))
  settings = jsondecode(templatefile(local.contract_file, {
    # With a single replica, its loss would delay every acknowledgement until AWS has replaced it.
    acknowledge      = var.cache.nodes >= 3 ? "replicated:1" : "appended"
    region           = var.region
    environment      = var.environment
    public_url       = "https://${module.edge.host}"
    sockets_max      = var.connections_max
    drain_delay_s    = var.drain_delay_s
    db_connections   = var.database_connections
    db_host          = module.database.host
    db_port          = module.database.port
    db_name          = module.database.database
    db_secret_arn    = module.database.secret_arn
    redis_host       = module.cache.host
    redis_port       = module.cache.port
    redis_username   = module.cache.username
    redis_secret_arn = var.redis_secret_arn
    jwt_secret_arn   = var.jwt_secret_arn
    documents_bucket = module.storage.documents_bucket.name
  }))

  # Requests end within a minute; sockets are closed when their task is asked to stop, which is later.
  deregistration_s = { api = 60, sync = 20 }
  balanced         = { for role, service in local.contract.services : role => service if length(service.paths) > 0 }
  targets = { for role, service in local.balanced : role => {
    port = service.port, health = service.health, paths = service.paths, deregistration_s = local.deregistration_s[role]
  } }

  own_metrics = { for role in keys(local.contract.services) : role => {
    namespace = local.contract.metrics.namespace, dimensions = { Service = role, Environment = var.environment }
  } }
  cpu    = { target = 70, predefined = "ECSServiceAverageCPUUtilization" }
  memory = { target = 80, predefined = "ECSServiceAverageMemoryUtilization" }
  # Memory is no scaling target of sync: documents stay loaded, so it would never scale in.
  scaling = {
    api = { in_s = 300, targets = { cpu = local.cpu, memory = local.memory } }
    sync = { in_s = 600, targets = { cpu = local.cpu, connections = {
      target = floor(0.6 * var.connections_max)
      metric = merge(local.own_metrics.sync, { name = local.contract.metrics.active_connections })
    } } }
    compactor = { in_s = 300, targets = { cpu = local.cpu, log_lag = {
      target = 64
      metric = merge(local.own_metrics.compactor, { name = local.contract.metrics.documents_to_sweep })
    } } }
  }
}
