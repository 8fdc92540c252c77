locals {
  buckets = {
    documents = "${var.name}-documents-${var.account_id}"
    frontend  = "${var.name}-frontend-${var.account_id}"
    logs      = "${var.name}-logs-${var.account_id}"
  }
  kept_versions = { for name, bucket in aws_s3_bucket.this : name => bucket if name != "logs" }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:a copy in another region is a step of the runbook, not the default
  #checkov:skip=CKV_AWS_145:documents and frontend have the key below; the load balancer writes its logs to no other than SSE-S3
  #checkov:skip=CKV_AWS_18:documents and frontend log below; a log bucket that logs to itself never rests
  #checkov:skip=CKV2_AWS_61:each has one below, by two resources that checkov does not match with this one
  #checkov:skip=CKV2_AWS_62:nothing listens to the events of these buckets
  for_each      = local.buckets
  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# CloudFront needs an ACL to write its logs.
resource "aws_s3_bucket_ownership_controls" "this" {
  #checkov:skip=CKV2_AWS_65:the log bucket takes CloudFront's logs, which come by ACL
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    object_ownership = each.key == "logs" ? "BucketOwnerPreferred" : "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    bucket_key_enabled = each.key != "logs"
    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : var.data_key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each      = local.kept_versions
  bucket        = each.value.id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"
}

resource "aws_s3_bucket_lifecycle_configuration" "kept_versions" {
  for_each = local.kept_versions
  bucket   = each.value.id

  rule {
    id     = "noncurrent"
    status = "Enabled"
    filter {}
    noncurrent_version_transition {
      noncurrent_days = var.lifecycle_days.infrequent
      storage_class   = "STANDARD_IA"
    }
    noncurrent_version_transition {
      noncurrent_days = var.lifecycle_days.archive
      storage_class   = "GLACIER_IR"
    }
    noncurrent_version_expiration {
      noncurrent_days = var.lifecycle_days.gone
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.this["logs"].id

  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = var.lifecycle_days.logs
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
