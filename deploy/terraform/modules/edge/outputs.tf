output "distribution_id" {
  description = "The distribution."
  value       = aws_cloudfront_distribution.this.id
}

output "distribution_arn" {
  description = "The distribution's ARN."
  value       = aws_cloudfront_distribution.this.arn
}

output "host" {
  description = "The name that people use."
  value       = var.tls ? var.domain_name : aws_cloudfront_distribution.this.domain_name
}
