"""taskiq reference, what ingress and worker share: jobs on a Redis list, results in Redis."""

from pydantic_settings import BaseSettings, SettingsConfigDict
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

from tests.bench.references.contract import Input


class Address(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BENCH_")

    redis: str


_url = Address().redis
results: RedisAsyncResultBackend[str] = RedisAsyncResultBackend(redis_url=_url)
broker = ListQueueBroker(url=_url).with_result_backend(results)


@broker.task
async def echo(job_input: Input) -> str:
    return job_input.text
