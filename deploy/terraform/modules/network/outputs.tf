output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer and the NAT gateways."
  value       = aws_subnet.public[*].id
}

output "app_subnet_ids" {
  description = "Subnets of the tasks."
  value       = aws_subnet.app[*].id
}

output "data_subnet_ids" {
  description = "Subnets of the database and the cache."
  value       = aws_subnet.data[*].id
}

output "shape" {
  description = "Its NAT gateways and endpoints."
  value       = { nat_gateways = length(aws_nat_gateway.this), interface_endpoints = length(aws_vpc_endpoint.interface) }
}
