locals {
  tiers = {
    public = [for index in [0, 1] : cidrsubnet(var.cidr, 8, 1 + index)]
    app    = [for index in [0, 1] : cidrsubnet(var.cidr, 8, 11 + index)]
    data   = [for index in [0, 1] : cidrsubnet(var.cidr, 8, 21 + index)]
  }
  interface_endpoints = var.interface_endpoints ? toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager", "kms", "monitoring", "sts"]) : toset([])
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = var.name }
}

# Adopted without rules: a resource without a group has no access.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.tiers.public[count.index]
  availability_zone = var.availability_zones[count.index]
  tags              = { Name = "${var.name}-public-${count.index + 1}" }
}

resource "aws_subnet" "app" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.tiers.app[count.index]
  availability_zone = var.availability_zones[count.index]
  tags              = { Name = "${var.name}-app-${count.index + 1}" }
}

resource "aws_subnet" "data" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  cidr_block        = local.tiers.data[count.index]
  availability_zone = var.availability_zones[count.index]
  tags              = { Name = "${var.name}-data-${count.index + 1}" }
}

resource "aws_eip" "nat" {
  count  = var.nat_gateway_count
  domain = "vpc"
  tags   = { Name = "${var.name}-nat-${count.index + 1}" }
}

resource "aws_nat_gateway" "this" {
  count         = var.nat_gateway_count
  allocation_id = aws_eip.nat[count.index].id
  subnet_id     = aws_subnet.public[count.index].id
  tags          = { Name = "${var.name}-${count.index + 1}" }
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-public" }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

# A table per zone: with two gateways, the loss of one zone does not affect the other.
resource "aws_route_table" "app" {
  count  = 2
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-app-${count.index + 1}" }
}

resource "aws_route" "nat" {
  count                  = 2
  route_table_id         = aws_route_table.app[count.index].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[count.index % var.nat_gateway_count].id
}

resource "aws_route_table_association" "app" {
  count          = 2
  subnet_id      = aws_subnet.app[count.index].id
  route_table_id = aws_route_table.app[count.index].id
}

# No route leads out of the data subnets.
resource "aws_route_table" "data" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-data" }
}

resource "aws_route_table_association" "data" {
  count          = 2
  subnet_id      = aws_subnet.data[count.index].id
  route_table_id = aws_route_table.data.id
}
