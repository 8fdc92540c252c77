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

output "shape" {
  description = "Its size and maintenance settings."
  value = {
    instance_class = aws_db_instance.this.instance_class
    storage_gb     = [aws_db_instance.this.allocated_storage, aws_db_instance.this.max_allocated_storage]
    multi_az       = aws_db_instance.this.multi_az
    backup_days    = aws_db_instance.this.backup_retention_period
    protected      = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
  }
}
