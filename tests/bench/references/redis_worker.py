"""Bare reference, worker: takes one job after another off the Redis list."""

from __future__ import annotations

import sys
from typing import Any

from redis import Redis

from tests.bench.references.contract import Input


def main(url: str) -> None:
    redis: Any = Redis.from_url(url)
    while True:
        _, raw = redis.brpop(["jobs"])
        job_id = raw.decode()
        job_input, announced = redis.hmget(f"job:{job_id}", "input", "announced")
        text = Input.model_validate_json(job_input).text
        pipe = redis.pipeline(transaction=False).hset(f"job:{job_id}", "text", text)
        if announced == b"1":
            pipe = pipe.lpush(f"done:{job_id}", text)
        pipe.execute()


if __name__ == "__main__":
    main(sys.argv[1])
