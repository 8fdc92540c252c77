variable "domain_name" {
  description = "The name that the certificate is for."
  type        = string
  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "A domain such as codesync.example.com."
  }
}

variable "hosted_zone_id" {
  description = "The Route 53 zone of the validation record."
  type        = string
  validation {
    condition     = startswith(var.hosted_zone_id, "Z")
    error_message = "A zone's id, which begins with Z."
  }
}
