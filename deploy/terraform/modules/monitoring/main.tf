# The contacts of alarms.
resource "aws_sns_topic" "this" {
  name              = "${var.name}-alerts"
  kms_master_key_id = var.alerts_key_arn
}

data "aws_iam_policy_document" "topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:aws:*:*:${var.account_id}:*"]
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each  = var.contacts.emails
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "sms" {
  for_each  = var.contacts.phones
  topic_arn = aws_sns_topic.this.arn
  protocol  = "sms"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "lambda" {
  for_each  = var.contacts.lambda_arns
  topic_arn = aws_sns_topic.this.arn
  protocol  = "lambda"
  endpoint  = each.key
}

resource "aws_lambda_permission" "this" {
  for_each      = var.contacts.lambda_arns
  function_name = each.key
  action        = "lambda:InvokeFunction"
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.this.arn
}

# CloudWatch needs the right to publish to the topic before alarms reach anybody.
resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  # An unused service reports nothing; the metrics of the load balancer show that it is down.
  treat_missing_data = "notBreaching"
  alarm_actions      = [aws_sns_topic.this.arn]
  ok_actions         = [aws_sns_topic.this.arn]
  depends_on         = [aws_sns_topic_policy.this]
}

# A rolled-back deployment is an event, not a metric.
resource "aws_cloudwatch_event_rule" "rolled_back" {
  name        = "${var.name}-deployment-rolled-back"
  description = "A deployment of CodeSync failed; ECS rolled it back"
  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Deployment State Change"]
    resources     = [for name in values(var.services) : "arn:aws:ecs:${var.region}:${var.account_id}:service/${var.cluster_name}/${name}"]
    detail        = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
  })
}

resource "aws_cloudwatch_event_target" "rolled_back" {
  rule       = aws_cloudwatch_event_rule.rolled_back.name
  arn        = aws_sns_topic.this.arn
  depends_on = [aws_sns_topic_policy.this]
}

resource "aws_budgets_budget" "this" {
  name         = "${var.name}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = ["user:Environment$$${var.environment}"]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.this.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.this]
}
