resource "aws_ecr_repository" "this" {
  name                 = "codesync"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this["images"].arn
  }
}

# Tagged images are kept: a rollback may need any of them.
resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({ rules = [
    {
      rulePriority = 1
      description  = "Untagged parts of images"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 30 }
      action       = { type = "expire" }
    },
    {
      rulePriority = 2
      description  = "The oldest above two hundred"
      selection    = { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = 200 }
      action       = { type = "expire" }
    },
  ] })
}
