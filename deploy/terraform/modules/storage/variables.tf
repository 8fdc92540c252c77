variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "account_id" {
  description = "The account, which makes the buckets' names unique."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "Twelve digits."
  }
}

variable "data_key_arn" {
  description = "The key that encrypts documents and frontend."
  type        = string
  validation {
    condition     = startswith(var.data_key_arn, "arn:")
    error_message = "The ARN of a key."
  }
}

variable "distribution_arn" {
  description = "The CloudFront distribution that may read the frontend."
  type        = string
  validation {
    condition     = startswith(var.distribution_arn, "arn:")
    error_message = "The ARN of a distribution."
  }
}

variable "force_destroy" {
  description = "Whether destroying the environment takes the objects along."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.force_destroy)
    error_message = "true or false."
  }
}

variable "lifecycle_days" {
  description = "After how many days old versions move to cheaper storage and go, and logs go."
  type = object({
    infrequent = optional(number, 30)
    archive    = optional(number, 90)
    gone       = optional(number, 365)
    logs       = optional(number, 90)
  })
  default = {}
  validation {
    condition     = var.lifecycle_days.infrequent >= 30 && var.lifecycle_days.archive > var.lifecycle_days.infrequent && var.lifecycle_days.gone > var.lifecycle_days.archive
    error_message = "30 or more, each step later than the one before."
  }
}
