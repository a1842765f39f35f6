"""Trace ids: read from requests, told to whoever is called next."""

from __future__ import annotations

import logging

import pytest

from pilotlight.adapters.aws import wire
from pilotlight.contracts.message import JobMessage
from pilotlight.observability import logs, trace

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("traceparent", "xray"),
    [
        (f"00-{ID}-00f067aa0ba902b7-01", None),
        (f"cc-{ID}-00f067aa0ba902b7-00-what-comes-later", ""),
        (None, f"Root=1-{ID[:8]}-{ID[8:]}"),
        ("", f"Self=1-0-0;Root=1-{ID[:8]}-{ID[8:]};Parent=53995c3f42cd8ad8;Sampled=1"),
        ("broken", f"Root=1-{ID[:8]}-{ID[8:]};Sampled=0"),
    ],
)
def test_an_id_is_found_in_either_header(traceparent, xray):
    assert trace.read(traceparent, xray) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ID,
        f"00-{ID.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{ID}-00f067aa0ba902b7",
        f"00-{ID}\n-00f067aa0ba902b7-01",
        "00-" * 5000,
    ],
)
def test_what_is_malformed_is_no_id(text):
    assert trace.read(text, text) is None


def test_a_job_without_a_trace_has_its_own_id():
    job_id = "01983f60-8f2e-7c3a-9d1e-0123456789ab"
    assert trace.of(job_id, None) == job_id.replace("-", "")
    assert trace.read(trace.traceparent(trace.of(job_id, None))) == trace.of(job_id, None)
    assert trace.of(job_id, ID) == ID
    assert trace.read(None, trace.xray(ID)) == ID


def test_a_message_carries_it_beside_its_body():
    message = JobMessage(job_id="job-1", worker="echo", trace=ID)
    (header,) = wire.traced(message).values()
    assert trace.read(header) == ID
    assert wire.decode(wire.encode(message)).job_id == "job-1"
    assert wire.traced(JobMessage(job_id="job-1", worker="echo")) == {}


def test_what_is_logged_for_a_request_says_so():
    told = []

    class Listener(logging.Handler):
        def emit(self, record):
            told.append(record.fields)

    listener, level = Listener(), logs.log.level
    logs.log.addHandler(listener)
    logs.log.setLevel(logging.INFO)
    token = trace.current.set(ID)
    try:
        logs.event("thing.happened", job_id="job-1")
    finally:
        trace.current.reset(token)
        logs.log.removeHandler(listener)
        logs.log.setLevel(level)
    assert told == [{"job_id": "job-1", "trace": ID}]
