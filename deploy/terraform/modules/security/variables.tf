variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "region" {
  description = "The region, for the name of its log service."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account that owns the keys."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}

variable "vpc_id" {
  description = "The VPC of the groups."
  type        = string
  validation {
    condition     = length(var.vpc_id) > 0
    error_message = "Not empty."
  }
}

variable "listener_port" {
  description = "The port that CloudFront asks the load balancer at."
  type        = number
  validation {
    condition     = contains([80, 443], var.listener_port)
    error_message = "80 or 443."
  }
}

variable "service_ports" {
  description = "The port of each service, by its role."
  type        = map(number)
  validation {
    condition     = alltrue([for port in values(var.service_ports) : port > 1023 && port < 65536])
    error_message = "Ports above 1023, which a process without privileges may listen on."
  }
}

variable "balanced_roles" {
  description = "The roles that the load balancer reaches."
  type        = set(string)
  validation {
    condition     = length(setsubtract(var.balanced_roles, keys(var.service_ports))) == 0
    error_message = "Each has a port."
  }
}

variable "database_port" {
  description = "The port of PostgreSQL."
  type        = number
  default     = 5432
  validation {
    condition     = var.database_port > 1023 && var.database_port < 65536
    error_message = "A port above 1023."
  }
}

variable "cache_port" {
  description = "The port of the cache."
  type        = number
  default     = 6379
  validation {
    condition     = var.cache_port > 1023 && var.cache_port < 65536
    error_message = "A port above 1023."
  }
}
