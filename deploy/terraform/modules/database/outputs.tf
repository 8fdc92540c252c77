output "identifier" {
  description = "The instance's name."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "The instance's ARN."
  value       = aws_db_instance.this.arn
}

output "host" {
  description = "Where it listens."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "The port that it listens on."
  value       = aws_db_instance.this.port
}

output "database" {
  description = "The database's name."
  value       = aws_db_instance.this.db_name
}

output "secret_arn" {
  description = "The secret with the user and the password, which RDS makes."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
