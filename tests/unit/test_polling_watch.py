"""Following without announcements: how often is looked, and what is heard at once."""

from __future__ import annotations

import asyncio

import pytest

from pilotlight.adapters.aws.watch import LONGEST_S, SHORTEST_S, PollingWatch, pause_s


@pytest.mark.parametrize(
    ("waited", "pause"), [(0, SHORTEST_S), (0.5, SHORTEST_S), (4, 0.4), (1000, LONGEST_S)]
)
def test_the_pause_grows_with_the_wait(waited, pause):
    assert pause_s(waited) == pytest.approx(pause)


def test_a_job_of_a_minute_is_looked_at_some_eighty_times():
    waited, looks = 0.0, 0
    while waited < 60:
        waited += pause_s(waited)
        looks += 1
    assert looks < 100


def test_a_change_in_this_process_is_heard_at_once_from_any_thread(monkeypatch):
    monkeypatch.setattr("pilotlight.adapters.aws.watch.pause_s", lambda _: 3600.0)
    watch = PollingWatch()

    async def follow():
        async with watch.job("a") as mine, watch.job("b") as other:
            waits = [asyncio.create_task(one.wait(3600)) for one in (mine, other)]
            await asyncio.to_thread(watch.changed, ["a", "nobody"])
            await asyncio.wait_for(waits[0], 30)
            heard = waits[1].done()
            waits[1].cancel()
            return heard

    assert asyncio.run(follow()) is False
    assert watch._followers == {}


def test_a_change_between_two_waits_is_not_missed(monkeypatch):
    monkeypatch.setattr("pilotlight.adapters.aws.watch.pause_s", lambda _: 3600.0)
    watch = PollingWatch()

    async def follow():
        async with watch.job("a") as changes:
            watch.changed(["a"])
            await asyncio.wait_for(changes.wait(3600), 30)

    asyncio.run(follow())


def test_without_news_a_wait_ends_by_itself():
    async def follow():
        async with PollingWatch().job("a") as changes:
            await asyncio.wait_for(changes.wait(3600), 30)

    asyncio.run(follow())
