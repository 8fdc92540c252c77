variable "region" {
  description = "The region of the state, the images and the secrets."
  type        = string
  default     = "us-east-1"
  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "A region such as us-east-1."
  }
}

variable "environments" {
  description = "The environments that get secrets and a role that deploys them."
  type        = set(string)
  default     = ["dev", "staging", "prod"]
  validation {
    condition     = alltrue([for name in var.environments : can(regex("^[a-z][a-z0-9-]{1,11}$", name))])
    error_message = "Lower-case letters, digits and hyphens, 2 to 12 of them."
  }
}

variable "github_repository" {
  description = "The repository whose workflows deploy, as owner/name."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "owner/name."
  }
}

variable "secrets_version" {
  description = "Raising the number of a secret, as in { \"prod/jwt\" = 2 }, makes a new one at the next apply."
  type        = map(number)
  default     = {}
  validation {
    condition     = alltrue([for number in values(var.secrets_version) : number >= 1])
    error_message = "1 or more."
  }
}
