output "success_topic_arn" {
  description = "Topic that is told of every answer, known once its policy is attached."
  value       = aws_sns_topic.this["success"].arn
  depends_on  = [aws_sns_topic_policy.this]
}

output "error_topic_arn" {
  description = "Topic that is told of every failure, known once its policy is attached."
  value       = aws_sns_topic.this["error"].arn
  depends_on  = [aws_sns_topic_policy.this]
}

output "queue_url" {
  description = "Queue at which clients wait, known once it gets messages; null: none."
  value       = one(aws_sqs_queue.this[*].url)
  depends_on  = [aws_sns_topic_subscription.queue]
}

output "queue_arn" {
  description = "ARN of that queue; null: none."
  value       = var.notifications.client_queue ? local.queue_arn : null
}
