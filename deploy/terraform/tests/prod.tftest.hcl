mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

variables {
  image            = "123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  jwt_secret_arn   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:codesync/mock/jwt-AbCdEf"
  redis_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:codesync/mock/redis-AbCdEf"
  secrets_key_arn  = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
  domain_name      = "codesync.example.com"
  hosted_zone_id   = "Z0123456789"
}

run "plan" {
  command = plan
}

run "apply" {
  command = apply

  assert {
    condition     = output.shape.network.nat_gateways == 2 && output.shape.network.interface_endpoints == 7
    error_message = "Ways out: ${jsonencode(output.shape.network)}"
  }

  assert {
    condition = jsonencode(output.shape.database) == jsonencode({
      instance_class = "db.t4g.medium", storage_gb = [20, 500], multi_az = true, backup_days = 14, protected = true
    })
    error_message = "Database: ${jsonencode(output.shape.database)}"
  }

  assert {
    condition     = jsonencode(output.shape.cache) == jsonencode({ node_type = "cache.r7g.large", nodes = 3, failover = true })
    error_message = "Cache: ${jsonencode(output.shape.cache)}"
  }

  assert {
    condition     = local.settings.environment.CODESYNC_ACKNOWLEDGE == "replicated:1"
    error_message = "The loss of a primary must cost nothing that was shown as saved: ${local.settings.environment.CODESYNC_ACKNOWLEDGE}"
  }

  assert {
    condition = jsonencode(output.shape.services) == jsonencode({
      api       = { cpu = 1024, memory = 2048, tasks = [4, 50], spot = false }
      compactor = { cpu = 512, memory = 1024, tasks = [2, 4], spot = true }
      sync      = { cpu = 1024, memory = 2048, tasks = [4, 50], spot = false }
    })
    error_message = "Services: ${jsonencode(output.shape.services)}"
  }

  assert {
    condition = alltrue([
      output.cloudfront_url == "https://codesync.example.com",
      output.websocket_url == "wss://codesync.example.com/socket",
      endswith(output.dashboard_url, "dashboard/codesync-prod-dashboard"),
      output.frontend_bucket_name != "", output.documents_bucket_name != "", output.cloudfront_id != "", output.alb_dns_name != "",
    ])
    error_message = "Outputs: ${output.cloudfront_url} ${output.websocket_url} ${output.dashboard_url}"
  }

  # Eleven of the platform, and ours: per node of the cache, per target group, and per compactor.
  assert {
    condition     = length(distinct(output.alarm_names)) == 3 + 2 + 4 + 2 + 3 * 3 + 3 + 3 * 4
    error_message = "Alarms: ${join(" ", output.alarm_names)}"
  }
}

# The refusals of checks.tf. Each changes one value of a valid production; only the checks are planned.

run "refuses_one_zone_database" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    database = { multi_az = false, protected = true }
  }
  expect_failures = [terraform_data.production]
}

run "refuses_one_node_cache" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    cache = { nodes = 1 }
  }
  expect_failures = [terraform_data.production]
}

run "refuses_one_nat" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    nat_gateway_count = 1
  }
  expect_failures = [terraform_data.production]
}

run "refuses_no_certificate" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    domain_name    = ""
    hosted_zone_id = ""
  }
  expect_failures = [terraform_data.production]
}

run "refuses_unprotected" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    database = { protected = false }
  }
  expect_failures = [terraform_data.production]
}

run "refuses_one_task" {
  command = plan
  plan_options {
    target = [terraform_data.production]
  }
  variables {
    services = { api = { min = 1 }, sync = { min = 2 }, compactor = {} }
  }
  expect_failures = [terraform_data.production]
}

run "refuses_a_stop_longer_than_its_timeout" {
  command = plan
  plan_options {
    target = [terraform_data.stop]
  }
  variables {
    drain_delay_s = 25
  }
  expect_failures = [terraform_data.stop]
}

run "refuses_a_tag_for_an_image" {
  command = plan
  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync:latest"
  }
  expect_failures = [var.image]
}

run "refuses_short_backups" {
  command = plan
  variables {
    database = { backup_days = 1 }
  }
  expect_failures = [var.database]
}
