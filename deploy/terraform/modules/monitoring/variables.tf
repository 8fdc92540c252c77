variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "environment" {
  description = "The environment in the server's metrics."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.environment))
    error_message = "Lower-case letters, digits and hyphens, 2 to 12 of them."
  }
}

variable "region" {
  description = "The region that the dashboard shows."
  type        = string
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "account_id" {
  description = "The account whose alarms may publish."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}

variable "contacts" {
  description = "The contacts of alarms: e-mail addresses, telephone numbers, functions."
  type = object({
    emails      = optional(set(string), [])
    phones      = optional(set(string), [])
    lambda_arns = optional(set(string), [])
  })
  validation {
    condition     = alltrue([for email in var.contacts.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "E-mail addresses."
  }
  validation {
    condition     = alltrue([for phone in var.contacts.phones : can(regex("^\\+[0-9]{7,15}$", phone))])
    error_message = "Telephone numbers as +15551234567."
  }
  validation {
    condition     = alltrue([for arn in var.contacts.lambda_arns : startswith(arn, "arn:")])
    error_message = "ARNs of functions."
  }
}

variable "balancer" {
  description = "The load balancer and its target groups by role, as metrics name them."
  type        = object({ arn_suffix = string, target_groups = map(string) })
  validation {
    condition     = length(var.balancer.target_groups) > 0
    error_message = "At least one group."
  }
}

variable "cluster_name" {
  description = "The cluster."
  type        = string
  validation {
    condition     = length(var.cluster_name) > 0
    error_message = "Not empty."
  }
}

variable "services" {
  description = "The services by role."
  type        = map(string)
  validation {
    condition     = contains(keys(var.services), "api") && contains(keys(var.services), "sync")
    error_message = "api and sync are among them."
  }
}

variable "database_identifier" {
  description = "The database."
  type        = string
  validation {
    condition     = length(var.database_identifier) > 0
    error_message = "Not empty."
  }
}

variable "cache_nodes" {
  description = "The nodes of the cache."
  type        = list(string)
  validation {
    condition     = length(var.cache_nodes) > 0
    error_message = "At least one."
  }
}

variable "metrics" {
  description = "The names of the server's own metrics."
  type        = map(string)
  validation {
    condition     = contains(keys(var.metrics), "namespace")
    error_message = "The namespace is among them."
  }
}

variable "thresholds" {
  description = "The thresholds of alarms."
  type = object({
    latency_s            = optional(number, 1)
    errors_5m            = optional(number, 10)
    task_percent         = optional(number, 85)
    db_cpu_percent       = optional(number, 80)
    db_free_gb           = optional(number, 2)
    cache_cpu_percent    = optional(number, 75)
    cache_memory_percent = optional(number, 80)
    connections_percent  = optional(number, 80)
    edit_to_peer_ms      = optional(number, 250)
    unarchived_s         = optional(number, 300)
  })
  default = {}
  validation {
    condition     = alltrue([for value in values(var.thresholds) : value > 0])
    error_message = "Above 0."
  }
}

variable "alerts_key_arn" {
  description = "The key that encrypts notifications."
  type        = string
  validation {
    condition     = startswith(var.alerts_key_arn, "arn:")
    error_message = "The ARN of a key."
  }
}

variable "monthly_budget_usd" {
  description = "The monthly budget of the environment, in US dollars."
  type        = number
  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "Above 0."
  }
}
