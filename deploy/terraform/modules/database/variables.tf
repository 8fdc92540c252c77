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
  description = "The group of the database."
  type        = string
  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "Not empty."
  }
}

variable "port" {
  description = "The port of PostgreSQL."
  type        = number
  default     = 5432
  validation {
    condition     = var.port > 1023 && var.port < 65536
    error_message = "A port above 1023."
  }
}

variable "settings" {
  description = "Size and maintenance: class, storage, zones, days of backups, protection against deletion."
  type = object({
    instance_class = string
    engine_version = string
    storage_gb     = number
    storage_gb_max = number
    multi_az       = bool
    backup_days    = number
    protected      = bool
  })
  validation {
    condition     = startswith(var.settings.instance_class, "db.")
    error_message = "A class such as db.t4g.medium."
  }
  validation {
    condition     = var.settings.storage_gb >= 20 && var.settings.storage_gb_max > var.settings.storage_gb
    error_message = "At least 20 GB, and room to grow."
  }
  validation {
    condition     = var.settings.backup_days >= 7 && var.settings.backup_days <= 35
    error_message = "7 to 35 days."
  }
}

variable "log_retention_days" {
  description = "How long the database's logs are kept."
  type        = number
  validation {
    condition     = contains([30, 90, 365], var.log_retention_days)
    error_message = "30, 90 or 365 days."
  }
}

variable "key_arns" {
  description = "The keys of data, logs and secrets."
  type        = object({ data = string, logs = string, secrets = string })
  validation {
    condition     = alltrue([for arn in values(var.key_arns) : startswith(arn, "arn:")])
    error_message = "ARNs of keys."
  }
}
