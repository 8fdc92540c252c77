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

# Tagged images stay: any of them may be what a rollback asks for.
resource "aws_ecr_lifecycle_policy" "this" {
  repository = aws_ecr_repository.this.name
  policy = jsonencode({ rules = [
    {
      rulePriority = 1
      description  = "Parts of images that nothing names any more"
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 30 }
      action       = { type = "expire" }
    },
    {
      rulePriority = 2
      description  = "The oldest beyond two hundred"
      selection    = { tagStatus = "tagged", tagPatternList = ["*"], countType = "imageCountMoreThan", countNumber = 200 }
      action       = { type = "expire" }
    },
  ] })
}
