module "network" {
  source              = "./modules/network"
  name                = local.name
  region              = var.region
  cidr                = var.vpc_cidr
  availability_zones  = local.availability_zones
  nat_gateway_count   = var.nat_gateway_count
  interface_endpoints = var.interface_endpoints
  log_retention_days  = var.log_retention_days
  logs_key_arn        = module.security.key_arns.logs
}

module "security" {
  source         = "./modules/security"
  name           = local.name
  region         = var.region
  account_id     = local.account_id
  vpc_id         = module.network.vpc_id
  listener_port  = local.tls ? 443 : 80
  service_ports  = { for role, service in local.contract.services : role => service.port }
  balanced_roles = keys(local.balanced)
}

module "database" {
  source             = "./modules/database"
  name               = local.name
  subnet_ids         = module.network.data_subnet_ids
  security_group_id  = module.security.database_group_id
  settings           = var.database
  log_retention_days = var.log_retention_days
  key_arns           = module.security.key_arns
}

module "cache" {
  source             = "./modules/cache"
  name               = local.name
  subnet_ids         = module.network.data_subnet_ids
  security_group_id  = module.security.cache_group_id
  settings           = var.cache
  password           = data.aws_secretsmanager_secret_version.redis.secret_string
  log_retention_days = var.log_retention_days
  key_arns           = module.security.key_arns
}

module "storage" {
  source           = "./modules/storage"
  name             = local.name
  account_id       = local.account_id
  data_key_arn     = module.security.key_arns.data
  distribution_arn = module.edge.distribution_arn
  force_destroy    = !var.database.protected
}

module "certificate" {
  source         = "./modules/certificate"
  count          = local.makes_certificates ? 1 : 0
  domain_name    = var.domain_name
  hosted_zone_id = var.hosted_zone_id
}

module "cloudfront_certificate" {
  source         = "./modules/certificate"
  count          = local.makes_certificates ? 1 : 0
  providers      = { aws = aws.us_east_1 }
  domain_name    = var.domain_name
  hosted_zone_id = var.hosted_zone_id
}

module "alb" {
  source            = "./modules/alb"
  name              = local.name
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.public_subnet_ids
  security_group_id = module.security.alb_group_id
  targets           = local.targets
  tls               = local.tls
  certificate_arn   = local.makes_certificates ? module.certificate[0].arn : var.certificate_arn
  logs_bucket       = module.storage.logs_bucket.name
  protected         = var.database.protected
}

module "edge" {
  source             = "./modules/edge"
  providers          = { aws = aws, aws.us_east_1 = aws.us_east_1 }
  name               = local.name
  account_id         = local.account_id
  tls                = local.tls
  domain_name        = var.domain_name
  hosted_zone_id     = var.hosted_zone_id
  certificate_arn    = local.makes_certificates ? module.cloudfront_certificate[0].arn : var.cloudfront_certificate_arn
  frontend_domain    = module.storage.frontend_bucket.domain
  logs_domain        = module.storage.logs_bucket.domain
  server             = { dns_name = module.alb.dns_name, origin_word = module.alb.origin_word }
  server_paths       = { for role, service in local.balanced : role => service.paths }
  site_policy        = local.contract.site_policy
  rate_limits        = local.contract.edge_limits_5m
  log_retention_days = var.log_retention_days
}

module "cluster" {
  source             = "./modules/cluster"
  name               = local.name
  roles              = keys(local.contract.services)
  log_retention_days = var.log_retention_days
  logs_key_arn       = module.security.key_arns.logs
}

module "service" {
  source               = "./modules/service"
  for_each             = local.contract.services
  name                 = local.name
  role                 = each.key
  cluster              = { arn = module.cluster.arn, name = module.cluster.name }
  image                = { uri = var.image, repository_arn = local.repository_arn }
  port                 = each.value.port
  size                 = merge(var.services[each.key], { architecture = var.architecture, stop_timeout_s = local.contract.stop_timeout_s })
  environment          = merge(local.settings.environment, local.settings.services[each.key].environment)
  secrets              = local.settings.secrets
  network              = { subnet_ids = module.network.app_subnet_ids, security_group_id = module.security.service_group_ids[each.key] }
  balanced             = contains(keys(local.balanced), each.key)
  target_group_arn     = try(module.alb.target_groups[each.key].arn, null)
  log_group            = merge(module.cluster.log_groups[each.key], { region = var.region })
  documents_bucket_arn = module.storage.documents_bucket.arn
  key_arns             = { data = module.security.key_arns.data, secrets = [module.security.key_arns.secrets, var.secrets_key_arn] }
  scaling              = local.scaling[each.key]
}

module "rotation" {
  source              = "./modules/rotation"
  name                = local.name
  database_identifier = module.database.identifier
  database_arn        = module.database.arn
  secret_arn          = module.database.secret_arn
  cluster_arn         = module.cluster.arn
  service_arns        = [for service in module.service : service.arn]
  log_retention_days  = var.log_retention_days
  logs_key_arn        = module.security.key_arns.logs
  secrets_key_arn     = module.security.key_arns.secrets
}

module "monitoring" {
  source              = "./modules/monitoring"
  name                = local.name
  environment         = var.environment
  region              = var.region
  account_id          = local.account_id
  contacts            = var.contacts
  balancer            = { arn_suffix = module.alb.arn_suffix, target_groups = { for role, group in module.alb.target_groups : role => group.arn_suffix } }
  cluster_name        = module.cluster.name
  services            = { for role, service in module.service : role => service.name }
  database_identifier = module.database.identifier
  cache_nodes         = module.cache.node_ids
  metrics             = local.contract.metrics
  alerts_key_arn      = module.security.key_arns.alerts
  monthly_budget_usd  = var.monthly_budget_usd
}
