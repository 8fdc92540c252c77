# Ephemeral and write-only: the values are stored in Secrets Manager only.
ephemeral "aws_secretsmanager_random_password" "this" {
  for_each            = local.secrets
  password_length     = 64
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:rotated by raising secrets_version, as the runbook says: new words and new tasks belong together
  for_each                = local.secrets
  name                    = "codesync/${each.key}"
  description             = each.value[1] == "jwt" ? "Signs the tokens of CodeSync" : "CodeSync's password at the cache"
  kms_key_id              = aws_kms_key.this["secrets"].arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each                 = local.secrets
  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.this[each.key].random_password
  secret_string_wo_version = lookup(var.secrets_version, each.key, 1)
}
