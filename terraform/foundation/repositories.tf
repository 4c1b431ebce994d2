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
