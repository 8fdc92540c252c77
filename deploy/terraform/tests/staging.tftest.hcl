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
      instance_class = "db.t4g.small", storage_gb = [20, 200], multi_az = true, backup_days = 7, protected = false
    })
    error_message = "Database: ${jsonencode(output.shape.database)}"
  }

  assert {
    condition     = jsonencode(output.shape.cache) == jsonencode({ node_type = "cache.t4g.small", nodes = 2, failover = true })
    error_message = "Cache: ${jsonencode(output.shape.cache)}"
  }

  assert {
    condition = jsonencode(output.shape.services) == jsonencode({
      api       = { cpu = 512, memory = 1024, tasks = [2, 5], spot = false }
      compactor = { cpu = 512, memory = 1024, tasks = [1, 2], spot = true }
      sync      = { cpu = 512, memory = 1024, tasks = [2, 5], spot = false }
    })
    error_message = "Services: ${jsonencode(output.shape.services)}"
  }

  assert {
    condition = alltrue([
      output.cloudfront_url == "https://codesync.example.com",
      output.websocket_url == "wss://codesync.example.com/socket",
      endswith(output.dashboard_url, "dashboard/codesync-staging-dashboard"),
      output.frontend_bucket_name != "", output.documents_bucket_name != "", output.cloudfront_id != "", output.alb_dns_name != "",
    ])
    error_message = "Outputs: ${output.cloudfront_url} ${output.websocket_url} ${output.dashboard_url}"
  }

  # Eleven of the platform, and ours: per node of the cache, per target group, and per compactor.
  assert {
    condition     = length(distinct(output.alarm_names)) == 3 + 2 + 4 + 2 + 3 * 2 + 3 + 3 * 4
    error_message = "Alarms: ${join(" ", output.alarm_names)}"
  }
}
