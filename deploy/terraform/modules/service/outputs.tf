output "name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}

output "arn" {
  description = "The service."
  value       = aws_ecs_service.this.id
}

output "task_definition" {
  description = "The task definition that it is to run."
  value       = aws_ecs_task_definition.this.arn
}

output "shape" {
  description = "Its size."
  value = {
    cpu    = tonumber(aws_ecs_task_definition.this.cpu)
    memory = tonumber(aws_ecs_task_definition.this.memory)
    tasks  = [aws_appautoscaling_target.this.min_capacity, aws_appautoscaling_target.this.max_capacity]
    spot   = anytrue([for provider in aws_ecs_service.this.capacity_provider_strategy : provider.capacity_provider == "FARGATE_SPOT"])
  }
}
