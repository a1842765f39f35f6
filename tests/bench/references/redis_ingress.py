"""Bare reference, ingress: FastAPI puts a job's text on a Redis list and reads a hash back.

No durability, no leases, no retries, no callers: the least that has these four routes.
"""

import sys
import uuid
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from redis.asyncio import Redis

from tests.bench.references.contract import Input, status, submitted

app = FastAPI()
redis: Any = Redis.from_url(sys.argv[2])
ENDPOINT = "pilotlight/echo"


async def _push(job_input: Input, *, announced: bool) -> str:
    job_id = uuid.uuid4().hex
    job = {"input": job_input.model_dump_json(), "announced": int(announced)}
    async with redis.pipeline(transaction=False) as pipe:
        await pipe.hset(f"job:{job_id}", mapping=job).lpush("jobs", job_id).execute()
    return job_id


@app.get("/readyz")
async def readyz() -> dict[str, bool]:
    return {"ok": await redis.ping()}


@app.post(f"/queue/{ENDPOINT}")
async def submit(job_input: Input) -> dict[str, Any]:
    return submitted(await _push(job_input, announced=False))


@app.post(f"/run/{ENDPOINT}")
async def run(job_input: Input) -> dict[str, str]:
    job_id = await _push(job_input, announced=True)
    _, text = await redis.blpop([f"done:{job_id}"], timeout=30)
    return {"text": text.decode()}


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}/status")
async def read_status(job_id: str) -> dict[str, Any]:
    return status(job_id, done=await redis.hexists(f"job:{job_id}", "text"))


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}")
async def read_result(job_id: str) -> dict[str, str]:
    text = await redis.hget(f"job:{job_id}", "text")
    if text is None:
        raise HTTPException(400, "Request is still in progress")
    return {"text": text.decode()}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
