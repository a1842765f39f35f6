"""The stories of the real fal clients again, with DynamoDB, S3 and SQS behind the ingress."""

from __future__ import annotations

from tests.clients.test_fal_javascript import check, story
from tests.clients.test_fal_python import (
    client,
    connected,
    pytestmark,
    test_a_webhook_arrives_and_its_signature_is_ours,
    test_an_uploaded_picture_is_an_input,
    test_bad_input_names_the_field,
    test_cancel_is_final,
    test_run_answers_with_the_output,
    test_stream_gives_partial_pictures_and_then_the_last,
    test_submit_then_status_then_result,
    test_subscribe_reports_its_updates_and_logs,
    test_upload_by_every_repository_reads_back,
)

__all__ = [
    "client",
    "connected",
    "pytestmark",
    "test_a_webhook_arrives_and_its_signature_is_ours",
    "test_an_uploaded_picture_is_an_input",
    "test_bad_input_names_the_field",
    "test_cancel_is_final",
    "test_run_answers_with_the_output",
    "test_stream_gives_partial_pictures_and_then_the_last",
    "test_submit_then_status_then_result",
    "test_subscribe_reports_its_updates_and_logs",
    "test_upload_by_every_repository_reads_back",
]


def test_the_javascript_client_runs_through_it_all(live):
    check(story(live, "fetch"))
