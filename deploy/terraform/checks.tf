# A production that an accident or a lost zone would take down is refused, before anything is changed.
resource "terraform_data" "production" {
  count = var.environment == "prod" ? 1 : 0

  lifecycle {
    precondition {
      condition     = var.database.multi_az && var.cache.nodes >= 2
      error_message = "Production needs database and cache in two zones: database.multi_az, cache.nodes >= 2."
    }
    precondition {
      condition     = var.nat_gateway_count == 2
      error_message = "Production needs a NAT gateway a zone: nat_gateway_count = 2."
    }
    precondition {
      condition     = local.tls
      error_message = "Production needs a certificate: domain_name with hosted_zone_id, or with both certificate ARNs."
    }
    precondition {
      condition     = var.database.protected
      error_message = "Production needs protection against deletion: database.protected."
    }
    precondition {
      condition     = var.services.api.min >= 2 && var.services.sync.min >= 2
      error_message = "Production needs two tasks or more of api and of sync."
    }
  }
}
