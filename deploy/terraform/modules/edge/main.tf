locals {
  server_paths = flatten([for paths in values(var.server_paths) : paths])
  # CloudFront's own policies CachingDisabled and AllViewer. The second forwards Host and Sec-WebSocket-* too.
  no_caching  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_headers = "216adef6-5c7f-47e4-b989-5492eafa07d3"
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = "${var.name}-frontend"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_function" "site" {
  name    = "${var.name}-site"
  comment = "Pages of the site"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = file("${path.module}/site.js")
}

# The deployment sets the caching at upload: a year for hashed assets, none for index.html. The default is an hour.
resource "aws_cloudfront_cache_policy" "site" {
  name        = "${var.name}-site"
  min_ttl     = 0
  default_ttl = 3600
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true
    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_310:one origin each; a second one is a second region, and CloudFront moves no socket to it
  #checkov:skip=CKV_AWS_374:for whom it is, is not for this to say
  #checkov:skip=CKV_AWS_174:a distribution without a domain has CloudFront's certificate, and with it no say; with one it is TLSv1.2_2021
  #checkov:skip=CKV2_AWS_47:the group is among local.managed_rules, which checkov does not unroll
  #checkov:skip=CKV2_AWS_42:a distribution without a domain has CloudFront's certificate; checks.tf refuses that in production
  enabled             = true
  is_ipv6_enabled     = true
  http_version        = "http2and3"
  comment             = "CodeSync ${var.name}"
  price_class         = var.price_class
  aliases             = var.tls ? [var.domain_name] : []
  default_root_object = "index.html"
  web_acl_id          = aws_wafv2_web_acl.this.arn

  origin {
    origin_id                = "frontend"
    domain_name              = var.frontend_domain
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = "server"
    domain_name = var.server.dns_name

    custom_header {
      name  = "X-Origin-Word"
      value = var.server.origin_word
    }

    custom_origin_config {
      http_port                = 80
      https_port               = 443
      origin_protocol_policy   = var.tls ? "https-only" : "http-only"
      origin_ssl_protocols     = ["TLSv1.2"]
      origin_read_timeout      = 60
      origin_keepalive_timeout = 60
    }
  }

  default_cache_behavior {
    target_origin_id           = "frontend"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.site.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.site.arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.server_paths
    content {
      path_pattern               = ordered_cache_behavior.value
      target_origin_id           = "server"
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false
      cache_policy_id            = local.no_caching
      origin_request_policy_id   = local.all_headers
      response_headers_policy_id = aws_cloudfront_response_headers_policy.server.id
    }
  }

  logging_config {
    bucket          = var.logs_domain
    prefix          = "cloudfront/"
    include_cookies = false
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = !var.tls
    acm_certificate_arn            = var.tls ? var.certificate_arn : null
    ssl_support_method             = var.tls ? "sni-only" : null
    minimum_protocol_version       = var.tls ? "TLSv1.2_2021" : "TLSv1"
  }
}

resource "aws_route53_record" "this" {
  for_each = var.hosted_zone_id == "" ? toset([]) : toset(["A", "AAAA"])
  zone_id  = var.hosted_zone_id
  name     = var.domain_name
  type     = each.key

  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false
  }
}
