terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
      # CloudFront takes its firewall and certificate from us-east-1 alone.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
