resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.size.min
  max_capacity       = var.size.max
}

resource "aws_appautoscaling_policy" "this" {
  for_each           = var.scaling.targets
  name               = "${var.name}-${var.role}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  resource_id        = aws_appautoscaling_target.this.resource_id
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = var.scaling.in_s

    dynamic "predefined_metric_specification" {
      for_each = each.value.predefined == null ? [] : [each.value.predefined]
      content {
        predefined_metric_type = predefined_metric_specification.value
      }
    }

    # Every task reports its own value, so the average is the value per task.
    dynamic "customized_metric_specification" {
      for_each = each.value.metric == null ? [] : [each.value.metric]
      content {
        namespace   = customized_metric_specification.value.namespace
        metric_name = customized_metric_specification.value.name
        statistic   = "Average"

        dynamic "dimensions" {
          for_each = customized_metric_specification.value.dimensions
          content {
            name  = dimensions.key
            value = dimensions.value
          }
        }
      }
    }
  }
}
