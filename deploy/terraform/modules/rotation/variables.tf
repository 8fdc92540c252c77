variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "schedule" {
  description = "The schedule of new database passwords."
  type        = string
  default     = "cron(0 3 ? * 3#1 *)"
  validation {
    condition     = can(regex("^(cron|rate)\\(", var.schedule))
    error_message = "cron(...) or rate(...)."
  }
}

variable "database_identifier" {
  description = "The database's name."
  type        = string
  validation {
    condition     = length(var.database_identifier) > 0
    error_message = "Not empty."
  }
}

variable "database_arn" {
  description = "The database."
  type        = string
  validation {
    condition     = startswith(var.database_arn, "arn:")
    error_message = "An ARN."
  }
}

variable "secret_arn" {
  description = "The secret that RDS keeps the password in."
  type        = string
  validation {
    condition     = startswith(var.secret_arn, "arn:")
    error_message = "An ARN."
  }
}

variable "cluster_arn" {
  description = "The cluster of the services."
  type        = string
  validation {
    condition     = startswith(var.cluster_arn, "arn:")
    error_message = "An ARN."
  }
}

variable "service_arns" {
  description = "The services that use the password."
  type        = list(string)
  validation {
    condition     = length(var.service_arns) > 0
    error_message = "At least one."
  }
}

variable "log_retention_days" {
  description = "How long its logs are kept."
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

variable "secrets_key_arn" {
  description = "The key that encrypts secrets."
  type        = string
  validation {
    condition     = startswith(var.secrets_key_arn, "arn:")
    error_message = "The ARN of a key."
  }
}
