"""SQS through Celery 5.7 and kombu 5.7: it carries the message, the row owns the job."""
