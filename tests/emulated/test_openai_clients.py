"""The stories of the real openai client again, with DynamoDB, S3 and SQS behind the ingress."""

from __future__ import annotations

from tests.clients.test_openai_python import (
    client,
    pytestmark,
    test_a_stream_arrives_while_the_model_still_writes,
)
from tests.clients.test_openai_python_media import (
    test_files_go_up_and_come_back,
    test_speech_is_bytes_and_streams,
)

__all__ = [
    "client",
    "pytestmark",
    "test_a_stream_arrives_while_the_model_still_writes",
    "test_files_go_up_and_come_back",
    "test_speech_is_bytes_and_streams",
]
