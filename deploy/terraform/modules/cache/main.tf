resource "aws_elasticache_subnet_group" "this" {
  name       = "${var.name}-cache"
  subnet_ids = var.subnet_ids
}

# An evicting policy would drop edits that are not in a snapshot yet; a full cache refuses writes with an error instead.
resource "aws_elasticache_parameter_group" "this" {
  name   = "${var.name}-cache"
  family = "valkey${split(".", var.settings.engine_version)[0]}"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_user" "this" {
  user_id       = "${var.name}-server"
  user_name     = var.username
  engine        = "valkey"
  access_string = "on ~codesync:* &codesync:* +@all -@dangerous +info"

  authentication_mode {
    type      = "password"
    passwords = [var.password]
  }
}

# No user named default: without a login nothing is possible.
resource "aws_elasticache_user_group" "this" {
  user_group_id = "${var.name}-cache"
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.this.user_id]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:the retention is chosen for each environment; production keeps a year
  for_each          = toset(["engine-log", "slow-log"])
  name              = "/elasticache/${var.name}-cache/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arns.logs
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV2_AWS_50:one node is a choice of the development environment; checks.tf refuses it in production
  replication_group_id = "${var.name}-cache"
  description          = "CodeSync ${var.name}: update log, relay, sessions and rate limits"
  engine               = "valkey"
  engine_version       = var.settings.engine_version
  node_type            = var.settings.node_type
  port                 = var.port

  num_cache_clusters         = var.settings.nodes
  automatic_failover_enabled = var.settings.nodes > 1
  multi_az_enabled           = var.settings.nodes > 1

  parameter_group_name = aws_elasticache_parameter_group.this.name
  subnet_group_name    = aws_elasticache_subnet_group.this.name
  security_group_ids   = [var.security_group_id]
  user_group_ids       = [aws_elasticache_user_group.this.user_group_id]

  at_rest_encryption_enabled = true
  kms_key_id                 = var.key_arns.data
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"

  snapshot_retention_limit   = 7
  snapshot_window            = "03:00-04:00"
  maintenance_window         = "sun:05:00-sun:06:00"
  auto_minor_version_upgrade = true

  dynamic "log_delivery_configuration" {
    for_each = aws_cloudwatch_log_group.this
    content {
      destination      = log_delivery_configuration.value.name
      destination_type = "cloudwatch-logs"
      log_format       = "json"
      log_type         = log_delivery_configuration.key
    }
  }
}
