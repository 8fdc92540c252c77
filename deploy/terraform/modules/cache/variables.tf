variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "subnet_ids" {
  description = "The data subnets."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) == 2
    error_message = "One subnet a zone."
  }
}

variable "security_group_id" {
  description = "The group of the cache."
  type        = string
  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "Not empty."
  }
}

variable "port" {
  description = "The port of the cache."
  type        = number
  default     = 6379
  validation {
    condition     = var.port > 1023 && var.port < 65536
    error_message = "A port above 1023."
  }
}

variable "settings" {
  description = "Size: class and number of nodes, version of Valkey."
  type        = object({ node_type = string, nodes = number, engine_version = string })
  validation {
    condition     = startswith(var.settings.node_type, "cache.")
    error_message = "A class such as cache.t4g.small."
  }
  validation {
    condition     = var.settings.nodes >= 1 && var.settings.nodes <= 6
    error_message = "1 to 6 nodes."
  }
}

variable "username" {
  description = "The user that the server logs in as."
  type        = string
  default     = "codesync"
  validation {
    condition     = can(regex("^[a-z]+$", var.username)) && var.username != "default"
    error_message = "Lower-case letters, and not default."
  }
}

variable "password" {
  description = "The server's password."
  type        = string
  sensitive   = true
  validation {
    condition     = length(var.password) >= 16 && length(var.password) <= 128
    error_message = "16 to 128 characters."
  }
}

variable "log_retention_days" {
  description = "How long the cache's logs are kept."
  type        = number
  validation {
    condition     = contains([30, 90, 365], var.log_retention_days)
    error_message = "30, 90 or 365 days."
  }
}

variable "key_arns" {
  description = "The keys of data and logs."
  type        = object({ data = string, logs = string })
  validation {
    condition     = alltrue([for arn in values(var.key_arns) : startswith(arn, "arn:")])
    error_message = "ARNs of keys."
  }
}
