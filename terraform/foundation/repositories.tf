resource "aws_ecr_repository" "this" {
  for_each = var.images

  name                 = "${var.name}-${replace(each.key, "_", "-")}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_destroy

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  # By count over tagged and untagged alike, never by age: releases name images by digest, and an old one
  # may still be what an endpoint pulls when it scales out.
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the newest ${var.images[each.key].keep_images} images"
      selection = {
        tagStatus   = "any"
        countType   = "imageCountMoreThan"
        countNumber = var.images[each.key].keep_images
      }
      action = { type = "expire" }
    }]
  })
}

# Lambda pulls a function's image for itself, not with the function's role, and again whenever the function has long been idle
# (Lambda guide, "Create a Lambda function using a container image"). Of its functions only those of this environment may.
data "aws_iam_policy_document" "lambda_pulls" {
  statement {
    sid     = "LambdaPullsImagesOfItsFunctions"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:lambda:${var.region}:${local.account_id}:function:serving-${var.environment}-*"]
    }
  }
}

resource "aws_ecr_repository_policy" "lambda" {
  for_each = { for image, repository in aws_ecr_repository.this : image => repository if startswith(image, "lambda_") }

  repository = each.value.name
  policy     = data.aws_iam_policy_document.lambda_pulls.json
}
