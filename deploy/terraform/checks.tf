# A production environment that one accident or a lost zone would stop is refused before anything changes.
resource "terraform_data" "production" {
  count = var.environment == "prod" ? 1 : 0

  lifecycle {
    precondition {
      condition     = var.database.multi_az && var.cache.nodes >= 2
      error_message = "Production needs database and cache in two zones: database.multi_az, cache.nodes >= 2."
    }
    precondition {
      condition     = var.nat_gateway_count == 2
      error_message = "Production needs a NAT gateway per zone: nat_gateway_count = 2."
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

# A task that is killed before its drain has ended closes its sockets all at once, and others must take its last snapshots.
resource "terraform_data" "stop" {
  lifecycle {
    precondition {
      condition     = tonumber(local.settings.environment.CODESYNC_DRAIN_DELAY_S) + tonumber(local.settings.environment.CODESYNC_DRAIN_S) < local.contract.stop_timeout_s
      error_message = "A task is killed ${local.contract.stop_timeout_s} s after it was asked to stop: drain_delay_s with CODESYNC_DRAIN_S must be shorter."
    }
    precondition {
      condition     = tonumber(local.settings.environment.CODESYNC_DRAIN_SPREAD_MS) < 1000 * tonumber(local.settings.environment.CODESYNC_DRAIN_S)
      error_message = "The sockets must be closed before the drain ends: CODESYNC_DRAIN_SPREAD_MS below CODESYNC_DRAIN_S."
    }
  }
}
