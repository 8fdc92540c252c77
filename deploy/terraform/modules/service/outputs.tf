output "name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}

output "arn" {
  description = "The service."
  value       = aws_ecs_service.this.id
}
