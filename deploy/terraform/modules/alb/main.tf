locals {
  rules = { for role, target in var.targets : role => target if length(target.paths) > 0 }
  # The listener that forwards; the other one only redirects.
  listener_arn = var.tls ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
}

# A secret header of our CloudFront distribution: the address list alone admits every distribution.
resource "terraform_data" "origin_word" {}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_20:the HTTP listener redirects wherever there is a certificate
  #checkov:skip=CKV2_AWS_28:the firewall is in front of CloudFront, and nobody else reaches this balancer
  #checkov:skip=CKV_AWS_150:protection is a choice; checks.tf refuses a production without it
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.subnet_ids
  security_groups            = [var.security_group_id]
  idle_timeout               = 120
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.protected

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "alb"
    enabled = true
  }
}

# No stickiness: any task serves any document.
resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the balancer; inside the VPC only it reaches the tasks
  for_each                      = local.rules
  name                          = "${var.name}-${each.key}"
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = each.value.port
  deregistration_delay          = each.value.deregistration_s
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = each.value.health
    matcher             = "200"
    interval            = 30
    timeout             = 5
    healthy_threshold   = 3
    unhealthy_threshold = 3
  }

  stickiness {
    type    = "lb_cookie"
    enabled = false
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:redirects wherever there is a certificate; without one only CloudFront comes, in development
  #checkov:skip=CKV_AWS_103:redirects wherever there is a certificate; without one only CloudFront comes, in development
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = var.tls ? "redirect" : "fixed-response"

    dynamic "redirect" {
      for_each = var.tls ? [443] : []
      content {
        port        = redirect.value
        protocol    = "HTTPS"
        status_code = "HTTP_301"
      }
    }

    dynamic "fixed_response" {
      for_each = var.tls ? [] : ["403"]
      content {
        content_type = "text/plain"
        message_body = "Not here."
        status_code  = fixed_response.value
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count             = var.tls ? 1 : 0
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "Not here."
      status_code  = "403"
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each     = local.rules
  listener_arn = local.listener_arn
  priority     = 10 * (1 + index(keys(local.rules), each.key))

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    path_pattern {
      values = each.value.paths
    }
  }

  condition {
    http_header {
      http_header_name = "X-Origin-Word"
      values           = [terraform_data.origin_word.id]
    }
  }
}
