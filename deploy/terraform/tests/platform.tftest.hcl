mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "codesync-test"
  region             = "us-east-1"
  account_id         = "123456789012"
  vpc_id             = "vpc-0"
  subnet_ids         = ["subnet-0", "subnet-1"]
  security_group_id  = "sg-0"
  log_retention_days = 30
  logs_key_arn       = "arn:aws:kms:us-east-1:123456789012:key/0"
}

run "network" {
  command = plan
  module {
    source = "./modules/network"
  }
  variables {
    cidr                = "10.0.0.0/16"
    availability_zones  = ["us-east-1a", "us-east-1b"]
    nat_gateway_count   = 2
    interface_endpoints = true
  }

  assert {
    condition = (
      jsonencode(aws_subnet.public[*].cidr_block) == jsonencode(["10.0.1.0/24", "10.0.2.0/24"])
      && jsonencode(aws_subnet.app[*].cidr_block) == jsonencode(["10.0.11.0/24", "10.0.12.0/24"])
      && jsonencode(aws_subnet.data[*].cidr_block) == jsonencode(["10.0.21.0/24", "10.0.22.0/24"])
    )
    error_message = "Subnets elsewhere than planned."
  }

  assert {
    condition     = length(aws_route.nat) == 2 && length(aws_route_table.app) == 2
    error_message = "Each zone has its own way out."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && length(aws_vpc_endpoint.interface) == 7
    error_message = "One gateway and seven interface endpoints."
  }
}

run "security" {
  command = plan
  module {
    source = "./modules/security"
  }
  variables {
    listener_port  = 443
    service_ports  = { api = 3000, sync = 3001, compactor = 3002 }
    balanced_roles = ["api", "sync"]
  }

  assert {
    condition     = { for role, rule in aws_vpc_security_group_ingress_rule.service : role => rule.from_port } == { api = 3000, sync = 3001 }
    error_message = "The balancer reaches api at 3000 and sync at 3001, and nothing else."
  }

  assert {
    condition     = { for key, rule in aws_vpc_security_group_ingress_rule.store : key => rule.from_port if startswith(key, "sync") } == { sync-database = 5432, sync-cache = 6379 }
    error_message = "Tasks reach PostgreSQL at 5432 and the cache at 6379."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.alb.prefix_list_id == "pl-0123456789abcdef0" && aws_vpc_security_group_ingress_rule.alb.cidr_ipv4 == null
    error_message = "Only CloudFront's addresses reach the balancer."
  }

  assert {
    condition     = alltrue([for key in aws_kms_key.this : key.enable_key_rotation])
    error_message = "Every key rotates."
  }
}

run "alb" {
  command = apply
  module {
    source = "./modules/alb"
  }
  variables {
    tls             = true
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0"
    logs_bucket     = "logs"
    protected       = true
    targets = {
      api  = { port = 3000, health = "/api/health", paths = ["/health", "/api/*"], deregistration_s = 60 }
      sync = { port = 3001, health = "/socket/health", paths = ["/socket", "/socket/*"], deregistration_s = 20 }
    }
  }

  assert {
    condition = alltrue([for group in aws_lb_target_group.this : alltrue([
      group.health_check[0].interval == 30, group.health_check[0].timeout == 5,
      group.health_check[0].healthy_threshold == 3, group.health_check[0].unhealthy_threshold == 3,
      !group.stickiness[0].enabled,
    ])])
    error_message = "Health every 30 s, 5 s long, 3 and 3; no stickiness."
  }

  assert {
    condition     = aws_lb_target_group.this["api"].health_check[0].path == "/api/health" && aws_lb_target_group.this["sync"].health_check[0].path == "/socket/health"
    error_message = "The balancer asks whether a task is ready."
  }

  assert {
    condition     = tonumber(aws_lb_target_group.this["api"].deregistration_delay) == 60 && tonumber(aws_lb_target_group.this["sync"].deregistration_delay) == 20
    error_message = "60 s for api, 20 s for sync."
  }

  assert {
    condition     = aws_lb.this.idle_timeout == 120 && aws_lb.this.enable_deletion_protection && aws_lb.this.access_logs[0].enabled
    error_message = "Idle sockets stay for 120 s, logs are kept, nobody deletes it by accident."
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.https[0].default_action[0].fixed_response[0].status_code == "403"
    error_message = "HTTP redirects; what no rule names is refused."
  }

  assert {
    condition     = alltrue([for rule in aws_lb_listener_rule.this : contains(flatten([for condition in rule.condition : [for header in condition.http_header : header.values]]), terraform_data.origin_word.id)])
    error_message = "Every rule wants to hear the word of the origin."
  }
}

run "alb_without_certificate" {
  command = apply
  module {
    source = "./modules/alb"
  }
  variables {
    tls         = false
    logs_bucket = "logs"
    protected   = false
    targets     = { api = { port = 3000, health = "/api/health", paths = ["/api/*"], deregistration_s = 60 } }
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0 && aws_lb_listener.http.default_action[0].type == "fixed-response"
    error_message = "Without a certificate nothing is redirected to HTTPS, and only the rules let anybody in."
  }
}

run "storage" {
  command = plan
  module {
    source = "./modules/storage"
  }
  variables {
    data_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/0"
    distribution_arn = "arn:aws:cloudfront::123456789012:distribution/0"
    force_destroy    = false
  }

  assert {
    condition = alltrue([for bucket in aws_s3_bucket_lifecycle_configuration.kept_versions : alltrue([
      { for step in bucket.rule[0].noncurrent_version_transition : step.storage_class => step.noncurrent_days } == { STANDARD_IA = 30, GLACIER_IR = 90 },
      bucket.rule[0].noncurrent_version_expiration[0].noncurrent_days == 365,
      bucket.rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 7,
      length(bucket.rule[0].expiration) == 0,
    ])])
    error_message = "Old versions: cheaper at 30 and 90 days, gone at 365. Nothing that is current ever goes."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_versioning.this : bucket.versioning_configuration[0].status == "Enabled"]) && length(aws_s3_bucket_versioning.this) == 3
    error_message = "All three buckets keep versions."
  }

  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.restrict_public_buckets && block.ignore_public_acls])
    error_message = "No bucket is public."
  }
}

run "database" {
  command = plan
  module {
    source = "./modules/database"
  }
  variables {
    settings = { instance_class = "db.t4g.medium", engine_version = "17", storage_gb = 20, storage_gb_max = 200, multi_az = true, backup_days = 14, protected = true }
    key_arns = { data = "arn:aws:kms:us-east-1:123456789012:key/0", logs = "arn:aws:kms:us-east-1:123456789012:key/1", secrets = "arn:aws:kms:us-east-1:123456789012:key/2" }
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && !aws_db_instance.this.publicly_accessible
    error_message = "RDS makes the password, and nobody outside reaches it."
  }

  assert {
    condition     = aws_db_instance.this.storage_type == "gp3" && aws_db_instance.this.storage_encrypted && aws_db_instance.this.auto_minor_version_upgrade && aws_db_instance.this.performance_insights_enabled
    error_message = "gp3, encrypted, kept up to date and watched."
  }

  assert {
    condition     = { for parameter in aws_db_parameter_group.this.parameter : parameter.name => parameter.value }["rds.force_ssl"] == "1" && aws_db_parameter_group.this.family == "postgres17"
    error_message = "TLS or nothing."
  }
}

run "cache" {
  command = plan
  module {
    source = "./modules/cache"
  }
  variables {
    settings = { node_type = "cache.t4g.small", nodes = 2, engine_version = "8.0" }
    password = "0123456789abcdef"
    key_arns = { data = "arn:aws:kms:us-east-1:123456789012:key/0", logs = "arn:aws:kms:us-east-1:123456789012:key/1" }
  }

  assert {
    condition     = { for parameter in aws_elasticache_parameter_group.this.parameter : parameter.name => parameter.value } == { maxmemory-policy = "noeviction" }
    error_message = "An evicting cache drops edits."
  }

  assert {
    condition = alltrue([
      aws_elasticache_replication_group.this.transit_encryption_mode == "required",
      aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true",
      aws_elasticache_replication_group.this.automatic_failover_enabled,
      aws_elasticache_replication_group.this.multi_az_enabled,
    ])
    error_message = "Encrypted on the way and at rest; the second node takes over."
  }

  assert {
    condition     = output.node_ids == ["codesync-test-cache-001", "codesync-test-cache-002"]
    error_message = "Nodes, as metrics name them."
  }
}
