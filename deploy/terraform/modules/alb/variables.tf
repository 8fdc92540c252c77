variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "vpc_id" {
  description = "The VPC of the target groups."
  type        = string
  validation {
    condition     = length(var.vpc_id) > 0
    error_message = "Not empty."
  }
}

variable "subnet_ids" {
  description = "The public subnets, one per zone."
  type        = list(string)
  validation {
    condition     = length(var.subnet_ids) == 2
    error_message = "One subnet a zone."
  }
}

variable "security_group_id" {
  description = "The group of the balancer."
  type        = string
  validation {
    condition     = length(var.security_group_id) > 0
    error_message = "Not empty."
  }
}

variable "targets" {
  description = "The target groups by role: port, readiness path, routed paths, deregistration delay in seconds."
  type = map(object({
    port             = number
    health           = string
    paths            = list(string)
    deregistration_s = number
  }))
  validation {
    condition     = alltrue([for target in values(var.targets) : startswith(target.health, "/") && length(target.paths) <= 4])
    error_message = "Paths begin with /, and a rule takes four of them beside the secret header."
  }
}

variable "tls" {
  description = "Whether there is a certificate; known before it is created."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.tls)
    error_message = "true or false."
  }
}

variable "certificate_arn" {
  description = "The certificate of this region, when tls is on."
  type        = string
  default     = null
  validation {
    condition     = !var.tls || var.certificate_arn != null
    error_message = "TLS needs a certificate."
  }
}

variable "logs_bucket" {
  description = "The bucket of the access logs."
  type        = string
  validation {
    condition     = length(var.logs_bucket) > 0
    error_message = "Not empty."
  }
}

variable "protected" {
  description = "Whether it is protected against deletion."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.protected)
    error_message = "true or false."
  }
}
