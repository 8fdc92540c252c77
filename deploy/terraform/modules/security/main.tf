locals {
  stores = { database = var.database_port, cache = var.cache_port }
  # Every pair of a service and a store that it reaches.
  reaches = { for pair in setproduct(keys(var.service_ports), keys(local.stores)) : "${pair[0]}-${pair[1]}" => {
    service = pair[0], store = pair[1], port = local.stores[pair[1]]
  } }
  balanced = { for role, port in var.service_ports : role => port if contains(var.balanced_roles, role) }
}

# The addresses of CloudFront; AWS maintains the list.
data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_security_group" "alb" {
  #checkov:skip=CKV2_AWS_5:attached to the load balancer in module alb
  name        = "${var.name}-alb"
  description = "From CloudFront to the tasks"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-alb" }
}

resource "aws_vpc_security_group_ingress_rule" "alb" {
  security_group_id = aws_security_group.alb.id
  description       = "CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = var.listener_port
  to_port           = var.listener_port
}

resource "aws_vpc_security_group_egress_rule" "alb" {
  for_each                     = local.balanced
  security_group_id            = aws_security_group.alb.id
  description                  = "Tasks of ${each.key}"
  referenced_security_group_id = aws_security_group.service[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_security_group" "service" {
  #checkov:skip=CKV2_AWS_5:attached to the tasks in module service
  for_each    = var.service_ports
  name        = "${var.name}-${each.key}"
  description = "Tasks of ${each.key}"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "service" {
  for_each                     = local.balanced
  security_group_id            = aws_security_group.service[each.key].id
  description                  = "Load balancer"
  referenced_security_group_id = aws_security_group.alb.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "service_aws" {
  for_each          = var.service_ports
  security_group_id = aws_security_group.service[each.key].id
  description       = "HTTPS to AWS: images, logs, secrets, objects"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "service_store" {
  for_each                     = local.reaches
  security_group_id            = aws_security_group.service[each.value.service].id
  description                  = "To the ${each.value.store}"
  referenced_security_group_id = aws_security_group.store[each.value.store].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_security_group" "store" {
  #checkov:skip=CKV2_AWS_5:attached to the database and the cache in their modules
  for_each    = local.stores
  name        = "${var.name}-${each.key}"
  description = "The ${each.key}, from the tasks alone"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "store" {
  for_each                     = local.reaches
  security_group_id            = aws_security_group.store[each.value.store].id
  description                  = "Tasks of ${each.value.service}"
  referenced_security_group_id = aws_security_group.service[each.value.service].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}
