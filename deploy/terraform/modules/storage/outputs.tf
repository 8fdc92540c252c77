output "documents_bucket" {
  description = "The bucket of the snapshots."
  value       = { name = aws_s3_bucket.this["documents"].id, arn = aws_s3_bucket.this["documents"].arn }
}

output "frontend_bucket" {
  description = "The bucket of the site."
  value       = { name = aws_s3_bucket.this["frontend"].id, domain = aws_s3_bucket.this["frontend"].bucket_regional_domain_name }
}

# Depends on the bucket policy, so that it exists before the first log is written.
output "logs_bucket" {
  description = "The bucket of the access logs."
  value       = { name = aws_s3_bucket.this["logs"].id, domain = aws_s3_bucket.this["logs"].bucket_domain_name }
  depends_on  = [aws_s3_bucket_policy.logs, aws_s3_bucket_ownership_controls.this]
}
