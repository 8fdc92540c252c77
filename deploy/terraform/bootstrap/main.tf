data "aws_caller_identity" "this" {}

locals {
  account_id   = data.aws_caller_identity.this.account_id
  state_bucket = "codesync-state-${local.account_id}-${var.region}"
  secrets      = { for pair in setproduct(var.environments, ["jwt", "redis"]) : "${pair[0]}/${pair[1]}" => pair }
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_111:a key's own policy names no resource but the key
  #checkov:skip=CKV_AWS_356:a key's own policy names no resource but the key
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account_id}:root"]
    }
  }
}

resource "aws_kms_key" "this" {
  for_each                = toset(["state", "secrets", "images"])
  description             = "CodeSync: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  for_each      = aws_kms_key.this
  name          = "alias/codesync-${each.key}"
  target_key_id = each.value.key_id
}
