locals {
  # RDS needs a minute or two until the new password is valid; existing connections stay open.
  settle_s = 300

  restart_each = [for arn in var.service_arns : {
    StartAt = "Restart"
    States = { Restart = {
      Type       = "Task"
      Resource   = "arn:aws:states:::aws-sdk:ecs:updateService"
      Parameters = { Cluster = var.cluster_arn, Service = arn, ForceNewDeployment = true }
      Retry      = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 30, MaxAttempts = 5, BackoffRate = 2 }]
      End        = true
    } }
  }]
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["states", "scheduler"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "steps" {
  #checkov:skip=CKV_AWS_356:delivery of logs and traces has no resource to name
  #checkov:skip=CKV_AWS_111:delivery of logs and traces has no resource to name
  statement {
    sid       = "Database"
    actions   = ["rds:ModifyDBInstance"]
    resources = [var.database_arn]
  }

  statement {
    sid       = "DatabaseSecret"
    actions   = ["secretsmanager:RotateSecret"]
    resources = [var.secret_arn]
  }

  statement {
    sid       = "Services"
    actions   = ["ecs:UpdateService"]
    resources = var.service_arns
  }

  statement {
    sid = "LogsAndTraces"
    actions = [
      "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
      "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
    ]
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "start" {
  statement {
    actions   = ["states:StartExecution"]
    resources = [aws_sfn_state_machine.this.arn]
  }

  statement {
    actions   = ["kms:Decrypt"]
    resources = [var.secrets_key_arn]
  }
}

resource "aws_iam_role" "this" {
  for_each           = data.aws_iam_policy_document.assume
  name               = "${var.name}-rotation-${each.key}"
  assume_role_policy = each.value.json
}

resource "aws_iam_role_policy" "steps" {
  name   = "steps"
  role   = aws_iam_role.this["states"].id
  policy = data.aws_iam_policy_document.steps.json
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.this["scheduler"].id
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:the retention is chosen for each environment; production keeps a year
  name              = "/aws/vendedlogs/states/${var.name}-rotation"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_key_arn
}

# The tasks read the password only when they start. So the password and the tasks are renewed together, in this order.
resource "aws_sfn_state_machine" "this" {
  name     = "${var.name}-rotation"
  role_arn = aws_iam_role.this["states"].arn

  definition = jsonencode({
    StartAt = "Rotate"
    States = {
      Rotate = {
        Type       = "Task"
        Resource   = "arn:aws:states:::aws-sdk:rds:modifyDBInstance"
        Parameters = { DbInstanceIdentifier = var.database_identifier, RotateMasterUserPassword = true, ApplyImmediately = true }
        ResultPath = null
        Next       = "Settle"
      }
      Settle  = { Type = "Wait", Seconds = local.settle_s, Next = "Restart" }
      Restart = { Type = "Parallel", Branches = local.restart_each, End = true }
    }
  })

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
    level                  = "ALL"
    include_execution_data = true
  }

  tracing_configuration {
    enabled = true
  }

  depends_on = [aws_iam_role_policy.steps]
}

resource "aws_scheduler_schedule" "this" {
  name                = "${var.name}-rotation"
  schedule_expression = var.schedule
  kms_key_arn         = var.secrets_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.this.arn
    role_arn = aws_iam_role.this["scheduler"].arn
  }
}

# RDS would rotate every seven days without a notification. Our rotation always runs first.
resource "aws_secretsmanager_secret_rotation" "this" {
  secret_id          = var.secret_arn
  rotate_immediately = false
  rotation_rules {
    automatically_after_days = 90
  }
}
