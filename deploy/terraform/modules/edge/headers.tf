locals {
  hsts_seconds = 63072000
}

# The headers that the server sets on the pages that it serves itself; the bucket sets none.
resource "aws_cloudfront_response_headers_policy" "site" {
  #checkov:skip=CKV_AWS_259:two years with subdomains; preloading binds the whole domain for good and is its owner's to ask for
  name = "${var.name}-site"

  security_headers_config {
    content_security_policy {
      content_security_policy = var.site_policy
      override                = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = local.hsts_seconds
      include_subdomains         = true
      override                   = true
    }
  }

  custom_headers_config {
    items {
      header   = "Cross-Origin-Opener-Policy"
      value    = "same-origin"
      override = true
    }
    items {
      header   = "Cross-Origin-Resource-Policy"
      value    = "same-origin"
      override = true
    }
  }
}

# The server sets its own headers; only here it is known that everything is HTTPS.
resource "aws_cloudfront_response_headers_policy" "server" {
  #checkov:skip=CKV_AWS_259:two years with subdomains; preloading binds the whole domain for good and is its owner's to ask for
  name = "${var.name}-server"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = local.hsts_seconds
      include_subdomains         = true
      override                   = true
    }
  }
}
