variable "environment" {
  description = "The environment; part of every name."
  type        = string
  default     = "standard"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.environment))
    error_message = "Lower-case letters, digits and hyphens, 2 to 12 of them."
  }
}

variable "region" {
  description = "The region."
  type        = string
  default     = "us-east-1"
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "availability_zones" {
  description = "The two zones; empty takes a and b of the region. They are named, so that a zone which AWS adds moves nothing."
  type        = list(string)
  default     = []
  validation {
    condition     = contains([0, 2], length(distinct(var.availability_zones)))
    error_message = "Two different zones, or none."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC."
  type        = string
  default     = "10.0.0.0/16"
  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && endswith(var.vpc_cidr, "/16")
    error_message = "A /16, such as 10.0.0.0/16."
  }
}

variable "nat_gateway_count" {
  description = "NAT gateways: one for all, or one a zone."
  type        = number
  default     = 2
  validation {
    condition     = contains([1, 2], var.nat_gateway_count)
    error_message = "1 or 2."
  }
}

variable "interface_endpoints" {
  description = "Whether AWS's services are reached inside the VPC instead of through NAT."
  type        = bool
  default     = true
  nullable    = false
  validation {
    condition     = contains([true, false], var.interface_endpoints)
    error_message = "true or false."
  }
}

variable "image" {
  description = "The server's image in ECR, by digest."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com/[a-z0-9/_-]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image of ECR by digest: 123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync@sha256:..."
  }
}

variable "architecture" {
  description = "The processors that the tasks run on."
  type        = string
  default     = "ARM64"
  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "ARM64 or X86_64."
  }
}

variable "services" {
  description = "CPU units, MiB and number of tasks, by role; whether they run on Spot, and how many of them never do."
  type = map(object({
    cpu            = optional(number, 512)
    memory         = optional(number, 1024)
    min            = optional(number, 2)
    max            = optional(number, 10)
    spot           = optional(bool, false)
    on_demand_base = optional(number, 0)
  }))
  default = { api = {}, sync = {}, compactor = { min = 1, max = 4, spot = true } }
  validation {
    condition     = length(setsubtract(["api", "sync", "compactor"], keys(var.services))) == 0 && length(var.services) == 3
    error_message = "api, sync and compactor."
  }
}

variable "connections_max" {
  description = "Sockets that a task holds; beyond it answers 4529, and near it there is an alarm."
  type        = number
  default     = 5000
  validation {
    condition     = var.connections_max >= 100 && var.connections_max <= 50000
    error_message = "100 to 50,000: a task has 65,536 file descriptors."
  }
}

variable "drain_delay_s" {
  description = "Seconds that a task which is asked to stop still serves everything, for the balancer to notice. ECS takes a task out of the balancer first; a task that is stopped otherwise needs them."
  type        = number
  default     = 15
  validation {
    condition     = var.drain_delay_s >= 0 && floor(var.drain_delay_s) == var.drain_delay_s
    error_message = "Whole seconds."
  }
}

variable "database" {
  description = "PostgreSQL: class, storage, zones, days of backups, protection against deletion."
  type = object({
    instance_class = optional(string, "db.t4g.medium")
    engine_version = optional(string, "17")
    storage_gb     = optional(number, 20)
    storage_gb_max = optional(number, 200)
    multi_az       = optional(bool, true)
    backup_days    = optional(number, 7)
    protected      = optional(bool, true)
  })
  default = {}
  validation {
    condition     = var.database.backup_days >= 7 && var.database.backup_days <= 35
    error_message = "7 to 35 days of backups."
  }
}

variable "database_connections" {
  description = "Connections to the database that a task holds at most; those of all tasks together must fit the class."
  type        = number
  default     = 5
  validation {
    condition     = var.database_connections >= 1 && var.database_connections <= 50
    error_message = "1 to 50."
  }
}

variable "cache" {
  description = "Valkey: class and number of nodes."
  type = object({
    node_type      = optional(string, "cache.t4g.small")
    nodes          = optional(number, 2)
    engine_version = optional(string, "8.0")
  })
  default = {}
  validation {
    condition     = var.cache.nodes >= 1 && var.cache.nodes <= 6
    error_message = "1 to 6 nodes."
  }
}

variable "jwt_secret_arn" {
  description = "The secret that signs tokens; bootstrap makes it."
  type        = string
  validation {
    condition     = can(regex("^arn:aws:secretsmanager:", var.jwt_secret_arn))
    error_message = "The ARN of a secret."
  }
}

variable "redis_secret_arn" {
  description = "The secret with the cache's password; bootstrap makes it."
  type        = string
  validation {
    condition     = can(regex("^arn:aws:secretsmanager:", var.redis_secret_arn))
    error_message = "The ARN of a secret."
  }
}

variable "secrets_key_arn" {
  description = "The key of these two secrets; bootstrap makes it."
  type        = string
  validation {
    condition     = startswith(var.secrets_key_arn, "arn:aws:kms:")
    error_message = "The ARN of a key."
  }
}

variable "domain_name" {
  description = "The site's name; empty takes CloudFront's, without a certificate of its own."
  type        = string
  default     = ""
  validation {
    condition     = var.domain_name == "" || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain such as codesync.example.com."
  }
  validation {
    condition     = var.domain_name == "" || var.hosted_zone_id != "" || (var.certificate_arn != null && var.cloudfront_certificate_arn != null)
    error_message = "A domain needs a hosted zone, or both certificates."
  }
  validation {
    condition     = var.domain_name != "" || (var.hosted_zone_id == "" && var.certificate_arn == null)
    error_message = "A zone and a certificate are for a domain."
  }
}

variable "hosted_zone_id" {
  description = "The Route 53 zone of the name; certificates and records are made in it."
  type        = string
  default     = ""
  validation {
    condition     = var.hosted_zone_id == "" || startswith(var.hosted_zone_id, "Z")
    error_message = "A zone's id, which begins with Z."
  }
}

variable "certificate_arn" {
  description = "A certificate for the name in this region, where Route 53 does not keep it."
  type        = string
  default     = null
  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws:acm:", var.certificate_arn))
    error_message = "The ARN of a certificate."
  }
}

variable "cloudfront_certificate_arn" {
  description = "A certificate for the name in us-east-1, where Route 53 does not keep it."
  type        = string
  default     = null
  validation {
    condition     = var.cloudfront_certificate_arn == null || can(regex("^arn:aws:acm:us-east-1:", var.cloudfront_certificate_arn))
    error_message = "The ARN of a certificate in us-east-1."
  }
  validation {
    condition     = (var.cloudfront_certificate_arn == null) == (var.certificate_arn == null)
    error_message = "Both certificates, or none."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 90
  validation {
    condition     = contains([30, 90, 365], var.log_retention_days)
    error_message = "30, 90 or 365 days."
  }
}

variable "contacts" {
  description = "Who hears of alarms: e-mail addresses (to be confirmed by hand), telephone numbers, functions."
  type = object({
    emails      = optional(set(string), [])
    phones      = optional(set(string), [])
    lambda_arns = optional(set(string), [])
  })
  default = {}
  validation {
    condition     = alltrue([for email in var.contacts.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "E-mail addresses."
  }
}

variable "monthly_budget_usd" {
  description = "What the environment may cost a month, in US dollars."
  type        = number
  default     = 600
  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "Above 0."
  }
}
