variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "account_id" {
  description = "The account that owns the key."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}

variable "tls" {
  description = "Whether there is a domain with a certificate; known before it is created."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.tls)
    error_message = "true or false."
  }
}

variable "domain_name" {
  description = "The site's name, when tls is on."
  type        = string
  default     = ""
  validation {
    condition     = !var.tls || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain such as codesync.example.com."
  }
}

variable "hosted_zone_id" {
  description = "The Route 53 zone of the name; empty if the name is registered elsewhere."
  type        = string
  default     = ""
  validation {
    condition     = var.hosted_zone_id == "" || startswith(var.hosted_zone_id, "Z")
    error_message = "A zone's id, which begins with Z."
  }
}

variable "certificate_arn" {
  description = "The certificate in us-east-1, when tls is on."
  type        = string
  default     = null
  validation {
    condition     = !var.tls || var.certificate_arn != null
    error_message = "TLS needs a certificate."
  }
}

variable "frontend_domain" {
  description = "The name of the bucket that holds the site."
  type        = string
  validation {
    condition     = length(var.frontend_domain) > 0
    error_message = "Not empty."
  }
}

variable "logs_domain" {
  description = "The name of the bucket that takes the access logs."
  type        = string
  validation {
    condition     = length(var.logs_domain) > 0
    error_message = "Not empty."
  }
}

variable "server" {
  description = "The load balancer's name and its secret header."
  type        = object({ dns_name = string, origin_word = string })
  sensitive   = true
  validation {
    condition     = length(var.server.origin_word) >= 16
    error_message = "A value of 16 characters or more."
  }
}

variable "server_paths" {
  description = "The paths of the server, by role; all others are read from the bucket."
  type        = map(list(string))
  validation {
    condition     = alltrue([for path in flatten(values(var.server_paths)) : startswith(path, "/")])
    error_message = "Paths begin with /."
  }
}

variable "site_policy" {
  description = "The Content-Security-Policy of the site."
  type        = string
  validation {
    condition     = startswith(var.site_policy, "default-src 'none'")
    error_message = "It must begin with default-src 'none'."
  }
}

variable "rate_limits" {
  description = "Requests of one address in five minutes: all, below /api/auth/, and sockets opened. More than the server accepts: it knows accounts, and tells a caller when to come back."
  type        = object({ all = number, auth = number, socket = number })
  validation {
    condition     = alltrue([for limit in values(var.rate_limits) : limit >= 10])
    error_message = "10 or more."
  }
}

variable "price_class" {
  description = "The price class, which decides the locations of CloudFront."
  type        = string
  default     = "PriceClass_100"
  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "A price class of CloudFront."
  }
}

variable "log_retention_days" {
  description = "How long the firewall's logs are kept."
  type        = number
  validation {
    condition     = contains([30, 90, 365], var.log_retention_days)
    error_message = "30, 90 or 365 days."
  }
}
