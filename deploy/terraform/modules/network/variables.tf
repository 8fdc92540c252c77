variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "region" {
  description = "The region, for the names of endpoints."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "cidr" {
  description = "Addresses of the VPC, a /16."
  type        = string
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "A /16, such as 10.0.0.0/16."
  }
}

variable "availability_zones" {
  description = "The two zones."
  type        = list(string)
  validation {
    condition     = length(distinct(var.availability_zones)) == 2
    error_message = "Two different zones."
  }
}

variable "nat_gateway_count" {
  description = "NAT gateways: one for all zones, or one per zone."
  type        = number
  validation {
    condition     = contains([1, 2], var.nat_gateway_count)
    error_message = "1 or 2."
  }
}

variable "interface_endpoints" {
  description = "Whether AWS's services are reached inside the VPC instead of through NAT."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.interface_endpoints)
    error_message = "true or false."
  }
}

variable "log_retention_days" {
  description = "How long flow logs are kept."
  type        = number
  validation {
    condition     = contains([30, 90, 365], var.log_retention_days)
    error_message = "30, 90 or 365 days."
  }
}

variable "logs_key_arn" {
  description = "The key that encrypts logs."
  type        = string
  validation {
    condition     = startswith(var.logs_key_arn, "arn:")
    error_message = "The ARN of a key."
  }
}
