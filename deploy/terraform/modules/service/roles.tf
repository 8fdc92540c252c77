data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [split(":", var.cluster.arn)[4]]
    }
  }
}

# The rights to start a task: its image, its secrets, its log.
data "aws_iam_policy_document" "execution" {
  #checkov:skip=CKV_AWS_356:the token of the registry has no resource to name
  statement {
    sid       = "RegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.image.repository_arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_group.arn}:*"]
  }

  statement {
    sid     = "Secrets"
    actions = ["secretsmanager:GetSecretValue"]
    # Without the field that ECS picks out of a secret.
    resources = distinct([for source in values(var.secrets) : join(":", slice(split(":", source), 0, 7))])
  }

  statement {
    sid       = "SecretsKeys"
    actions   = ["kms:Decrypt"]
    resources = var.key_arns.secrets
  }
}

# The rights of the server itself: to read and write snapshots.
data "aws_iam_policy_document" "task" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [var.documents_bucket_arn]
  }

  statement {
    sid       = "Snapshots"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${var.documents_bucket_arn}/*"]
  }

  statement {
    sid       = "SnapshotsKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.key_arns.data]
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-${var.role}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-${var.role}-task"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "task" {
  name   = "snapshots"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}
