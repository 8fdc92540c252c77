output "dns_name" {
  description = "The balancer's name."
  value       = aws_lb.this.dns_name
}

output "arn_suffix" {
  description = "The balancer's name in metrics."
  value       = aws_lb.this.arn_suffix
}

# A service registers only with a group that a listener uses already.
output "target_groups" {
  description = "The target groups by role: ARN, and the name that metrics use."
  value       = { for role, group in aws_lb_target_group.this : role => { arn = group.arn, arn_suffix = group.arn_suffix } }
  depends_on  = [aws_lb_listener_rule.this]
}

output "origin_word" {
  description = "The value of the header that proves that a request is from CloudFront."
  value       = terraform_data.origin_word.id
  sensitive   = true
}
