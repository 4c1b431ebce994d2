output "topic_arn" {
  description = "Topic that accepts CloudWatch alarms of this account."
  value       = aws_sns_topic.this.arn
  depends_on  = [aws_sns_topic_policy.this]
}
