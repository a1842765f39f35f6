"""Bare reference without Redis, ingress: a row in SQLite for each job, no wake-up."""

import asyncio
import sqlite3
import sys
import uuid
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException

from tests.bench.references.contract import Input, status, submitted
from tests.bench.references.sqlite_jobs import LOOK_S, connect

ENDPOINT = "pilotlight/echo"
app = FastAPI()
jobs: sqlite3.Connection = connect(sys.argv[2])


def _insert(job_input: Input) -> str:
    job_id = uuid.uuid4().hex
    jobs.execute("INSERT INTO job (id, input) VALUES (?, ?)", (job_id, job_input.model_dump_json()))
    return job_id


def _text(job_id: str) -> str | None:
    text: str | None
    (text,) = jobs.execute("SELECT text FROM job WHERE id = ?", (job_id,)).fetchone()
    return text


@app.get("/readyz")
async def readyz() -> dict[str, bool]:
    return {"ok": True}


@app.post(f"/queue/{ENDPOINT}")
async def submit(job_input: Input) -> dict[str, Any]:
    return submitted(_insert(job_input))


@app.post(f"/run/{ENDPOINT}")
async def run(job_input: Input) -> dict[str, str]:
    job_id = _insert(job_input)
    while (text := _text(job_id)) is None:  # noqa: ASYNC110 -- this one has no wake-up
        await asyncio.sleep(LOOK_S)
    return {"text": text}


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}/status")
async def read_status(job_id: str) -> dict[str, Any]:
    return status(job_id, done=_text(job_id) is not None)


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}")
async def read_result(job_id: str) -> dict[str, str]:
    if (text := _text(job_id)) is None:
        raise HTTPException(400, "Request is still in progress")
    return {"text": text}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
