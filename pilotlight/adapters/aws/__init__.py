"""AWS mode: DynamoDB for rows, feed, keys and secrets; S3 for files."""
