locals {
  # Documents are code, so rules that search bodies for code only count.
  managed_rules = {
    AWSManagedRulesAmazonIpReputationList = []
    AWSManagedRulesAnonymousIpList        = ["AnonymousIPList", "HostingProviderIPList"]
    AWSManagedRulesCommonRuleSet = [
      "SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "EC2MetaDataSSRF_BODY",
    ]
    AWSManagedRulesKnownBadInputsRuleSet = ["JavaDeserializationRCE_BODY", "Log4JRCE_BODY"]
    AWSManagedRulesSQLiRuleSet           = ["SQLi_BODY", "SQLiExtendedPatterns_BODY"]
  }
  # Requests of one address in five minutes.
  rates = {
    all    = { limit = var.rate_limits.all, path = "/" }
    auth   = { limit = var.rate_limits.auth, path = "/api/auth/" }
    socket = { limit = var.rate_limits.socket, path = "/socket" }
  }
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192:the group is among local.managed_rules, which checkov does not unroll; in bodies, where people write code, it counts
  provider    = aws.us_east_1
  name        = "${var.name}-edge"
  description = "CodeSync ${var.name}"
  scope       = "CLOUDFRONT"

  default_action {
    allow {}
  }

  dynamic "rule" {
    for_each = local.rates
    content {
      name     = "rate-${rule.key}"
      priority = 1 + index(keys(local.rates), rule.key)

      action {
        block {
          custom_response {
            response_code = 429
          }
        }
      }

      statement {
        rate_based_statement {
          aggregate_key_type    = "IP"
          evaluation_window_sec = 300
          limit                 = rule.value.limit

          scope_down_statement {
            byte_match_statement {
              positional_constraint = "STARTS_WITH"
              search_string         = rule.value.path
              field_to_match {
                uri_path {}
              }
              text_transformation {
                priority = 0
                type     = "NORMALIZE_PATH"
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "rate-${rule.key}"
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = local.managed_rules
    content {
      name     = rule.key
      priority = 10 + index(keys(local.managed_rules), rule.key)

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = rule.value
            content {
              name = rule_action_override.value
              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.name}-edge"
    sampled_requests_enabled   = true
  }
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_111:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_356:a key's own policy names no resource but the key
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.us-east-1.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:aws:logs:us-east-1:${var.account_id}:*"]
    }
  }
}

# The firewall's logs are in us-east-1, and so is their key.
resource "aws_kms_key" "this" {
  provider                = aws.us_east_1
  description             = "CodeSync ${var.name}: firewall logs"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_cloudwatch_log_group" "waf" {
  #checkov:skip=CKV_AWS_338:the retention is chosen for each environment; production keeps a year
  provider          = aws.us_east_1
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  provider                = aws.us_east_1
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.waf.arn]

  # These contain tokens.
  redacted_fields {
    single_header {
      name = "authorization"
    }
  }
  redacted_fields {
    single_header {
      name = "sec-websocket-protocol"
    }
  }
  redacted_fields {
    query_string {}
  }
}
