mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "aws" {
  alias  = "us_east_1"
  source = "./tests/mocks"
}

variables {
  image            = "123456789012.dkr.ecr.us-east-1.amazonaws.com/codesync@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  jwt_secret_arn   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:codesync/dev/jwt-AbCdEf"
  redis_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:codesync/dev/redis-AbCdEf"
  secrets_key_arn  = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111"
}

run "plan" {
  command = plan
}

run "apply" {
  command = apply
}
