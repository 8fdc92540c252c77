output "state_bucket" {
  description = "The bucket of the state."
  value       = aws_s3_bucket.state.id
}

output "repository_url" {
  description = "The image registry."
  value       = aws_ecr_repository.this.repository_url
}

output "role_arns" {
  description = "The roles of the workflows: one for plans, and one per environment."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}

output "secret_arns" {
  description = "The secrets, as environment/name."
  value       = { for key, secret in aws_secretsmanager_secret.this : key => secret.arn }
}

output "secrets_key_arn" {
  description = "The key of the secrets."
  value       = aws_kms_key.this["secrets"].arn
}
