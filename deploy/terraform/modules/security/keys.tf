locals {
  # The users of a key besides the account's own roles.
  key_users = {
    data    = ["cloudfront.amazonaws.com"]
    logs    = ["logs.${var.region}.amazonaws.com"]
    alerts  = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"]
    secrets = []
  }
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_111:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_356:a key's own policy names no resource but the key
  for_each = local.key_users

  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value) > 0 ? [each.value] : []
    content {
      sid       = "Services"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = statement.value
      }
      # Logs names the group in its encryption context, the others name the account.
      condition {
        test     = "ArnLike"
        variable = each.key == "logs" ? "kms:EncryptionContext:aws:logs:arn" : "aws:SourceArn"
        values   = ["arn:aws:*:*:${var.account_id}:*"]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  for_each                = local.key_users
  description             = "CodeSync ${var.name}: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each      = local.key_users
  name          = "alias/${var.name}-${each.key}"
  target_key_id = aws_kms_key.this[each.key].key_id
}
