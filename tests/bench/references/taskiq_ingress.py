"""taskiq reference, ingress: FastAPI in front of a taskiq task."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from tests.bench.references.contract import Input, status, submitted
from tests.bench.references.taskiq_broker import broker, echo, results

ENDPOINT = "pilotlight/echo"
CHECK_S = 0.001
"""taskiq's wait_result has no wake-up, it reads again after this; its default is 0.2."""


@asynccontextmanager
async def connected(_: FastAPI) -> AsyncIterator[None]:
    await broker.startup()
    yield
    await broker.shutdown()


app = FastAPI(lifespan=connected)


@app.get("/readyz")
async def readyz() -> dict[str, bool]:
    return {"ok": True}


@app.post(f"/queue/{ENDPOINT}")
async def submit(job_input: Input) -> dict[str, Any]:
    return submitted((await echo.kiq(job_input)).task_id)


@app.post(f"/run/{ENDPOINT}")
async def run(job_input: Input) -> dict[str, str]:
    task = await echo.kiq(job_input)
    return {"text": (await task.wait_result(check_interval=CHECK_S, timeout=30)).return_value}


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}/status")
async def read_status(job_id: str) -> dict[str, Any]:
    return status(job_id, done=await results.is_result_ready(job_id))


@app.get(f"/queue/{ENDPOINT}/requests/{{job_id}}")
async def read_result(job_id: str) -> dict[str, Any]:
    return {"text": (await results.get_result(job_id)).return_value}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
