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
}

run "plan" {
  command = plan
}

run "apply" {
  command = apply

  assert {
    condition     = output.shape.network.nat_gateways == 1 && output.shape.network.interface_endpoints == 0
    error_message = "Ways out: ${jsonencode(output.shape.network)}"
  }

  assert {
    condition = jsonencode(output.shape.database) == jsonencode({
      instance_class = "db.t4g.micro", storage_gb = [20, 50], multi_az = false, backup_days = 7, protected = false
    })
    error_message = "Database: ${jsonencode(output.shape.database)}"
  }

  assert {
    condition     = jsonencode(output.shape.cache) == jsonencode({ node_type = "cache.t4g.micro", nodes = 1, failover = false })
    error_message = "Cache: ${jsonencode(output.shape.cache)}"
  }

  assert {
    condition = jsonencode(output.shape.services) == jsonencode({
      api       = { cpu = 256, memory = 512, tasks = [1, 3], spot = true }
      compactor = { cpu = 256, memory = 512, tasks = [1, 1], spot = true }
      sync      = { cpu = 512, memory = 1024, tasks = [1, 3], spot = true }
    })
    error_message = "Services: ${jsonencode(output.shape.services)}"
  }

  assert {
    condition = alltrue([
      output.cloudfront_url == "https://mock.cloudfront.net",
      output.websocket_url == "wss://mock.cloudfront.net/socket",
      endswith(output.dashboard_url, "dashboard/codesync-dev-dashboard"),
      output.frontend_bucket_name != "", output.documents_bucket_name != "", output.cloudfront_id != "", output.alb_dns_name != "",
    ])
    error_message = "Outputs: ${output.cloudfront_url} ${output.websocket_url} ${output.dashboard_url}"
  }

  # Eleven of the platform, and ours: per node of the cache, per target group, and per compactor.
  assert {
    condition     = length(distinct(output.alarm_names)) == 3 + 2 + 4 + 2 + 3 * 1 + 3 + 3 * 4
    error_message = "Alarms: ${join(" ", output.alarm_names)}"
  }
}
