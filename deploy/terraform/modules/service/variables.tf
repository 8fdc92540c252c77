variable "name" {
  description = "Prefix of every name."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "Lower-case letters, digits and hyphens, 3 to 21 of them."
  }
}

variable "role" {
  description = "The role of the server that runs in it."
  type        = string
  validation {
    condition     = contains(["api", "sync", "compactor"], var.role)
    error_message = "api, sync or compactor."
  }
}

variable "cluster" {
  description = "The cluster that it runs in."
  type        = object({ arn = string, name = string })
  validation {
    condition     = startswith(var.cluster.arn, "arn:")
    error_message = "The ARN of a cluster."
  }
}

variable "image" {
  description = "The image and its repository's ARN; by digest, so that what runs cannot change under its name."
  type        = object({ uri = string, repository_arn = string })
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image.uri))
    error_message = "An image by digest: repository@sha256:..."
  }
}

variable "port" {
  description = "The port that it listens on."
  type        = number
  validation {
    condition     = var.port > 1023 && var.port < 65536
    error_message = "A port above 1023."
  }
}

variable "size" {
  description = "CPU units, MiB and number of its tasks; whether they run on Spot, and how many of them never do; seconds that a stop may take."
  type = object({
    cpu            = number
    memory         = number
    min            = number
    max            = number
    spot           = bool
    on_demand_base = number
    architecture   = string
    stop_timeout_s = optional(number, 120)
  })
  validation {
    condition     = contains([256, 512, 1024, 2048, 4096], var.size.cpu) && var.size.memory >= 2 * var.size.cpu && var.size.memory <= 8 * var.size.cpu
    error_message = "A size that Fargate has: 256 to 4096 CPU units, 2 to 8 MiB for each."
  }
  validation {
    condition     = var.size.min >= 1 && var.size.max >= var.size.min
    error_message = "At least one task, and no more at least than at most."
  }
}

variable "environment" {
  description = "Variables of the process."
  type        = map(string)
  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Upper-case names."
  }
}

variable "secrets" {
  description = "Variables that ECS takes out of Secrets Manager when a task starts."
  type        = map(string)
  validation {
    condition     = alltrue([for source in values(var.secrets) : startswith(source, "arn:")])
    error_message = "ARNs of secrets."
  }
}

variable "network" {
  description = "Subnets and group of the tasks."
  type        = object({ subnet_ids = list(string), security_group_id = string })
  validation {
    condition     = length(var.network.subnet_ids) == 2
    error_message = "One subnet a zone."
  }
}

variable "balanced" {
  description = "Whether a load balancer leads to it; known before the balancer is made."
  type        = bool
  nullable    = false
  validation {
    condition     = contains([true, false], var.balanced)
    error_message = "true or false."
  }
}

variable "target_group_arn" {
  description = "The load balancer's group, when there is one."
  type        = string
  default     = null
  validation {
    condition     = !var.balanced || var.target_group_arn != null
    error_message = "A balanced service needs a group."
  }
}

variable "log_group" {
  description = "Where it logs to."
  type        = object({ name = string, arn = string, region = string })
  validation {
    condition     = startswith(var.log_group.name, "/ecs/")
    error_message = "A group below /ecs/."
  }
}

variable "documents_bucket_arn" {
  description = "The bucket of the snapshots."
  type        = string
  validation {
    condition     = startswith(var.documents_bucket_arn, "arn:")
    error_message = "The ARN of a bucket."
  }
}

variable "key_arns" {
  description = "The key of the snapshots, and those of the secrets."
  type        = object({ data = string, secrets = list(string) })
  validation {
    condition     = startswith(var.key_arns.data, "arn:") && length(var.key_arns.secrets) > 0
    error_message = "ARNs of keys."
  }
}

variable "scaling" {
  description = "What the number of tasks follows, by name: a metric of AWS or one of ours, and its target; seconds between two steps in."
  type = object({
    in_s = number
    targets = map(object({
      target     = number
      predefined = optional(string)
      metric     = optional(object({ namespace = string, name = string, dimensions = map(string) }))
    }))
  })
  validation {
    condition     = alltrue([for rule in values(var.scaling.targets) : (rule.predefined == null) != (rule.metric == null)])
    error_message = "Each follows one metric."
  }
}
