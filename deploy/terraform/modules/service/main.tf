locals {
  container = {
    name      = var.role
    image     = var.image.uri
    command   = ["serve"]
    essential = true

    portMappings = [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]
    environment  = [for name, value in var.environment : { name = name, value = value }]
    secrets      = [for name, source in var.secrets : { name = name, valueFrom = source }]

    # Liveness, not readiness: a short outage of a store must not restart every task.
    healthCheck = {
      command     = ["CMD", "/usr/local/bin/codesync", "healthcheck"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }

    # Longer than the drain with its delay; Fargate allows at most 120 s.
    stopTimeout            = var.size.stop_timeout_s
    readonlyRootFilesystem = true
    user                   = "65532:65532"
    linuxParameters        = { initProcessEnabled = true, capabilities = { add = [], drop = ["ALL"] } }
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]
    mountPoints            = [{ sourceVolume = "data", containerPath = "/data", readOnly = false }]
    systemControls         = []
    volumesFrom            = []

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = var.log_group.name
        awslogs-region        = var.log_group.region
        awslogs-stream-prefix = "task"
        # A log service that does not answer must not stop a room.
        mode            = "non-blocking"
        max-buffer-size = "8m"
      }
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-${var.role}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.size.cpu
  memory                   = var.size.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode([local.container])

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.size.architecture
  }

  # Temporary space of the task; nothing durable is stored in it.
  volume {
    name = "data"
  }
}

resource "aws_ecs_service" "this" {
  name                               = "${var.name}-${var.role}"
  cluster                            = var.cluster.arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.size.min
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  availability_zone_rebalancing      = "ENABLED"
  propagate_tags                     = "SERVICE"
  enable_execute_command             = false
  wait_for_steady_state              = true
  health_check_grace_period_seconds  = var.balanced ? 90 : null

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.size.spot ? var.size.on_demand_base : 0
    weight            = var.size.spot ? 0 : 1
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.size.spot ? ["FARGATE_SPOT"] : []
    content {
      capacity_provider = capacity_provider_strategy.value
      weight            = 1
    }
  }

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [var.network.security_group_id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = var.balanced ? [var.target_group_arn] : []
    content {
      target_group_arn = load_balancer.value
      container_name   = var.role
      container_port   = var.port
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # Autoscaling changes it later.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.task]
}
