terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # CloudFront accepts a firewall and a certificate of us-east-1 only.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
