mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

variables {
  name = "codesync-test"
}

run "service" {
  command = apply
  module {
    source = "./modules/service"
  }
  variables {
    role                 = "sync"
    cluster              = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/test", name = "test" }
    image                = { uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", repository_arn = "arn:aws:ecr:us-east-1:123456789012:repository/codesync" }
    port                 = 3001
    size                 = { cpu = 512, memory = 1024, min = 2, max = 10, spot = false, on_demand_base = 0, architecture = "ARM64" }
    environment          = { CODESYNC_LISTEN = "0.0.0.0:3001" }
    secrets              = { JWT_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:jwt-AbCdEf" }
    network              = { subnet_ids = ["subnet-0", "subnet-1"], security_group_id = "sg-0" }
    balanced             = true
    target_group_arn     = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/sync/0"
    log_group            = { name = "/ecs/codesync-test-sync", arn = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/codesync-test-sync", region = "us-east-1" }
    documents_bucket_arn = "arn:aws:s3:::documents"
    key_arns             = { data = "arn:aws:kms:us-east-1:123456789012:key/0", secrets = ["arn:aws:kms:us-east-1:123456789012:key/1"] }
    scaling = { in_s = 600, targets = {
      cpu         = { target = 70, predefined = "ECSServiceAverageCPUUtilization" }
      connections = { target = 600, metric = { namespace = "CodeSync", name = "ActiveConnections", dimensions = { Service = "sync", Environment = "test" } } }
    } }
  }

  assert {
    condition = alltrue([for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : alltrue([
      container.stopTimeout == 120,
      container.readonlyRootFilesystem,
      container.user == "65532:65532",
      container.portMappings[0].containerPort == 3001,
      container.healthCheck.command == ["CMD", "/usr/local/bin/codesync", "healthcheck"],
      container.environment == [{ name = "CODESYNC_LISTEN", value = "0.0.0.0:3001" }],
      container.secrets == [{ name = "JWT_SECRET", valueFrom = "arn:aws:secretsmanager:us-east-1:123456789012:secret:jwt-AbCdEf" }],
      container.logConfiguration.options.awslogs-group == "/ecs/codesync-test-sync",
    ])])
    error_message = "The container: ${aws_ecs_task_definition.this.container_definitions}"
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    error_message = "A deployment that fails goes back, and never below the tasks that stand."
  }

  assert {
    condition = alltrue([for policy in aws_appautoscaling_policy.this : alltrue([
      policy.target_tracking_scaling_policy_configuration[0].scale_out_cooldown == 60,
      policy.target_tracking_scaling_policy_configuration[0].scale_in_cooldown == 600,
    ])]) && length(aws_appautoscaling_policy.this) == 2
    error_message = "Out after 60 s, in after 600 s."
  }

  assert {
    condition     = aws_appautoscaling_policy.this["connections"].target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metric_name == "ActiveConnections"
    error_message = "sync follows its sockets."
  }
}

run "spot" {
  command = plan
  module {
    source = "./modules/service"
  }
  variables {
    role                 = "compactor"
    cluster              = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/test", name = "test" }
    image                = { uri = "123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", repository_arn = "arn:aws:ecr:us-east-1:123456789012:repository/codesync" }
    port                 = 3002
    size                 = { cpu = 512, memory = 1024, min = 2, max = 4, spot = true, on_demand_base = 1, architecture = "ARM64" }
    environment          = {}
    secrets              = {}
    network              = { subnet_ids = ["subnet-0", "subnet-1"], security_group_id = "sg-0" }
    balanced             = false
    log_group            = { name = "/ecs/codesync-test-compactor", arn = "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/codesync-test-compactor", region = "us-east-1" }
    documents_bucket_arn = "arn:aws:s3:::documents"
    key_arns             = { data = "arn:aws:kms:us-east-1:123456789012:key/0", secrets = ["arn:aws:kms:us-east-1:123456789012:key/1"] }
    scaling              = { in_s = 300, targets = {} }
  }

  assert {
    condition = jsonencode({ for provider in aws_ecs_service.this.capacity_provider_strategy : provider.capacity_provider => [coalesce(provider.base, 0), provider.weight] }) == jsonencode({
      FARGATE = [1, 0], FARGATE_SPOT = [0, 1]
    })
    error_message = "One task never on Spot, the rest always."
  }

  assert {
    condition     = length(aws_ecs_service.this.load_balancer) == 0
    error_message = "Nothing leads to the compactor."
  }
}

run "edge" {
  command = apply
  module {
    source = "./modules/edge"
  }
  providers = { aws = aws, aws.us_east_1 = aws.us_east_1 }
  variables {
    account_id         = "123456789012"
    tls                = true
    domain_name        = "codesync.example.com"
    hosted_zone_id     = "Z0123456789"
    certificate_arn    = "arn:aws:acm:us-east-1:123456789012:certificate/0"
    frontend_domain    = "frontend.s3.us-east-1.amazonaws.com"
    logs_domain        = "logs.s3.amazonaws.com"
    server             = { dns_name = "alb.us-east-1.elb.amazonaws.com", origin_word = "0123456789abcdef" }
    server_paths       = { api = ["/health", "/api/*"], sync = ["/socket", "/socket/*"] }
    site_policy        = "default-src 'none'"
    rate_limits        = jsondecode(file("./services.json")).edge_limits_5m
    log_retention_days = 30
  }

  assert {
    condition = jsonencode({ for behaviour in aws_cloudfront_distribution.this.ordered_cache_behavior : behaviour.path_pattern => [behaviour.target_origin_id, behaviour.cache_policy_id, behaviour.origin_request_policy_id] }) == jsonencode({
      for path in ["/health", "/api/*", "/socket", "/socket/*"] : path => ["server", "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "216adef6-5c7f-47e4-b989-5492eafa07d3"]
    })
    error_message = "What goes to the server is not cached, and keeps its headers."
  }

  # They would replace the API's own answers.
  assert {
    condition     = length(aws_cloudfront_distribution.this.custom_error_response) == 0
    error_message = "No error pages for the whole distribution."
  }

  assert {
    condition     = aws_cloudfront_cache_policy.site.default_ttl == 3600 && aws_cloudfront_cache_policy.site.min_ttl == 0 && aws_cloudfront_cache_policy.site.max_ttl == 31536000
    error_message = "An hour, unless a file says otherwise, up to a year."
  }

  assert {
    condition = { for rule in aws_wafv2_web_acl.this.rule : rule.name => rule.statement[0].rate_based_statement[0].limit if startswith(rule.name, "rate-") } == {
      rate-all = 60000, rate-auth = 1000, rate-socket = 20000
    }
    error_message = "Rates of the firewall."
  }

  assert {
    condition     = length([for rule in aws_wafv2_web_acl.this.rule : rule.name if startswith(rule.name, "AWSManagedRules")]) == 5
    error_message = "Five groups of managed rules."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.this.aliases == toset(["codesync.example.com"])
    error_message = "Its own name, TLS 1.2 or newer."
  }
}

run "monitoring" {
  command = apply
  module {
    source = "./modules/monitoring"
  }
  variables {
    environment         = "test"
    region              = "us-east-1"
    account_id          = "123456789012"
    contacts            = { emails = ["on-call@example.com"], phones = ["+15551234567"], lambda_arns = ["arn:aws:lambda:us-east-1:123456789012:function:page"] }
    balancer            = { arn_suffix = "app/test/0", target_groups = { api = "targetgroup/api/0", sync = "targetgroup/sync/0" } }
    cluster_name        = "codesync-test-cluster"
    services            = { api = "codesync-test-api", sync = "codesync-test-sync", compactor = "codesync-test-compactor" }
    database_identifier = "codesync-test-db"
    cache_nodes         = ["cache-001"]
    metrics             = jsondecode(file("./services.json")).metrics
    alerts_key_arn      = "arn:aws:kms:us-east-1:123456789012:key/0"
    monthly_budget_usd  = 100
  }

  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.threshold } == {
      alb-latency                   = 1, alb-5xx = 10, alb-target-5xx = 10, alb-unhealthy-api = 0, alb-unhealthy-sync = 0
      api-cpu                       = 85, api-memory = 85, sync-cpu = 85, sync-memory = 85
      db-cpu                        = 80, db-storage = 2147483648
      cache-001-cpu                 = 75, cache-001-memory = 80, cache-001-evictions = 0
      connections-near-cap          = 80, edit-to-peer-p95 = 250, logs-lost = 0
      api-compaction-failures       = 0, api-snapshots-damaged = 0, api-stores-unavailable = 0, api-oldest-unarchived-edit = 300
      sync-compaction-failures      = 0, sync-snapshots-damaged = 0, sync-stores-unavailable = 0, sync-oldest-unarchived-edit = 300
      compactor-compaction-failures = 0, compactor-snapshots-damaged = 0, compactor-stores-unavailable = 0, compactor-oldest-unarchived-edit = 300
    }
    error_message = "Alarms: ${jsonencode({ for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.threshold })}"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["db-storage"].comparison_operator == "LessThanThreshold" && aws_cloudwatch_metric_alarm.this["db-cpu"].comparison_operator == "GreaterThanThreshold"
    error_message = "Free space falls, everything else rises."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["alb-5xx"].period == 300 && aws_cloudwatch_metric_alarm.this["alb-5xx"].statistic == "Sum"
    error_message = "Errors are counted over five minutes."
  }

  # Each alarm has its line on the dashboard, at its own threshold.
  assert {
    condition = sort([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : tostring(widget.properties.annotations.horizontal[0].value) if length(widget.properties.annotations.horizontal) > 0]) == sort([
      for alarm in aws_cloudwatch_metric_alarm.this : tostring(alarm.threshold)
    ])
    error_message = "The dashboard shows other thresholds than the alarms have."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 1 && length(aws_sns_topic_subscription.sms) == 1 && length(aws_sns_topic_subscription.lambda) == 1
    error_message = "E-mail, SMS and a function hear of alarms."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.rolled_back.event_pattern).detail.eventName == ["SERVICE_DEPLOYMENT_FAILED"]
    error_message = "A deployment that was rolled back is told."
  }
}

run "rotation" {
  command = apply
  module {
    source = "./modules/rotation"
  }
  variables {
    database_identifier = "codesync-test-db"
    database_arn        = "arn:aws:rds:us-east-1:123456789012:db:codesync-test-db"
    secret_arn          = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds-AbCdEf"
    cluster_arn         = "arn:aws:ecs:us-east-1:123456789012:cluster/test"
    service_arns        = ["arn:aws:ecs:us-east-1:123456789012:service/test/api", "arn:aws:ecs:us-east-1:123456789012:service/test/sync"]
    log_retention_days  = 30
    logs_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/0"
    secrets_key_arn     = "arn:aws:kms:us-east-1:123456789012:key/1"
  }

  # In the other order tasks would start with the old password.
  assert {
    condition = alltrue([
      jsondecode(aws_sfn_state_machine.this.definition).StartAt == "Rotate",
      jsondecode(aws_sfn_state_machine.this.definition).States.Rotate.Next == "Settle",
      jsondecode(aws_sfn_state_machine.this.definition).States.Settle.Next == "Restart",
      length(jsondecode(aws_sfn_state_machine.this.definition).States.Restart.Branches) == 2,
    ])
    error_message = "First the password, then every service."
  }
}
