"""Jobs of the native API, as their tests ask for them."""

from __future__ import annotations

JOBS = "/api/jobs"
APP = "acme/app"


def submit(client, job_input=None, **more):
    wish = {"endpoint": APP, "input": job_input or {"prompt": "a cat"}, **more}
    reply = client.post(JOBS, json=wish)
    assert reply.status_code == 202, reply.text
    return reply.json()


def error_of(reply):
    return reply.status_code, reply.json()["error"]
