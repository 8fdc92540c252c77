variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "roles" {
  description = "The roles that run in it, for their logs."
  type        = set(string)
  validation {
    condition     = length(var.roles) > 0
    error_message = "At least one."
  }
}

variable "log_retention_days" {
  description = "How long the tasks' logs are kept."
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
