locals {
  log_writers = { LoadBalancer = "logdelivery.elasticloadbalancing.amazonaws.com", S3 = "logging.s3.amazonaws.com" }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = aws_s3_bucket.this

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "frontend" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["frontend"].json]

  # With ListBucket a missing file is 404, without it 403.
  statement {
    sid       = "CloudFront"
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = [aws_s3_bucket.this["frontend"].arn, "${aws_s3_bucket.this["frontend"].arn}/*"]
    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [var.distribution_arn]
    }
  }
}

data "aws_iam_policy_document" "logs" {
  source_policy_documents = [data.aws_iam_policy_document.tls_only["logs"].json]

  dynamic "statement" {
    for_each = local.log_writers
    content {
      sid       = statement.key
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.this["logs"].arn}/*"]
      principals {
        type        = "Service"
        identifiers = [statement.value]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }
}

# Three resources and not one with for_each: the distribution waits for the log bucket's, the frontend's for the distribution.
resource "aws_s3_bucket_policy" "documents" {
  bucket     = aws_s3_bucket.this["documents"].id
  policy     = data.aws_iam_policy_document.tls_only["documents"].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_policy" "frontend" {
  bucket     = aws_s3_bucket.this["frontend"].id
  policy     = data.aws_iam_policy_document.frontend.json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_policy" "logs" {
  bucket     = aws_s3_bucket.this["logs"].id
  policy     = data.aws_iam_policy_document.logs.json
  depends_on = [aws_s3_bucket_public_access_block.this]
}
