locals {
  apply_subjects = { for environment in var.environments : environment => "repo:${var.github_repository}:environment:${environment}" }
  # A plan reads everything and changes nothing; only pull requests of the repository itself get a token.
  subjects = merge({ plan = "repo:${var.github_repository}:pull_request" }, local.apply_subjects)
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "github" {
  for_each = local.subjects
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each             = local.subjects
  name                 = "codesync-github-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.github[each.key].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy_attachment" "read" {
  role       = aws_iam_role.github["plan"].name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

# A plan also reads the state, and the cache's password, which the state contains.
data "aws_iam_policy_document" "plan" {
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for key, secret in aws_secretsmanager_secret.this : secret.arn if endswith(key, "/redis")]
  }

  statement {
    sid       = "Keys"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this["state"].arn, aws_kms_key.this["secrets"].arn]
  }
}

resource "aws_iam_role_policy" "plan" {
  name   = "plan"
  role   = aws_iam_role.github["plan"].id
  policy = data.aws_iam_policy_document.plan.json
}

# Everything except people and roles, and of the roles only those of CodeSync.
resource "aws_iam_role_policy_attachment" "apply" {
  for_each   = local.apply_subjects
  role       = aws_iam_role.github[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

data "aws_iam_policy_document" "apply" {
  for_each = local.apply_subjects
  statement {
    sid = "Roles"
    actions = [
      "iam:GetRole", "iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:TagRole", "iam:UntagRole", "iam:PassRole",
      "iam:UpdateAssumeRolePolicy", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
      "iam:GetRolePolicy", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy",
    ]
    resources = ["arn:aws:iam::${local.account_id}:role/codesync-${each.key}-*"]
  }

  # For a first apply in an account: AWS creates these roles for its own services.
  statement {
    sid       = "ServiceRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:aws:iam::${local.account_id}:role/aws-service-role/*"]
  }
}

resource "aws_iam_role_policy" "apply" {
  #checkov:skip=CKV_AWS_286:it makes the roles of its environment, and so could give them more; only a reviewed deployment assumes it
  #checkov:skip=CKV_AWS_287:no action of it reads credentials
  #checkov:skip=CKV_AWS_289:it makes the roles of its environment, which is all that it may do to permissions
  #checkov:skip=CKV_AWS_290:limited to the roles of its environment
  #checkov:skip=CKV_AWS_355:limited to the roles of its environment
  for_each = local.apply_subjects
  name     = "roles"
  role     = aws_iam_role.github[each.key].id
  policy   = data.aws_iam_policy_document.apply[each.key].json
}
