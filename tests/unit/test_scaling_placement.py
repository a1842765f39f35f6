"""Where a job of a pool goes, what a host remembers, and that nobody is passed over for long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilotlight.scaling.placement import (
    MOST_BYPASSED,
    MOST_BYPASSED_S,
    Cache,
    Host,
    Model,
    Waiting,
    note_bypass,
    place,
)


def model(name, *, size=1.0, memory_s=8.0, disk_s=22.0):
    return Model(name, size, memory_s, disk_s)


def host(name, *, has=None, memory=(), remaining_s=0.0, memory_gib=8.0):
    cache = Cache(memory_gib, has, {one.name: one for one in memory})
    return Host(name, cache, remaining_s)


FLUX, SDXL, CHAT = model("flux"), model("sdxl"), model("chat")


def test_a_job_goes_where_its_model_is():
    hosts = [host("x", has=SDXL), host("y", memory=[FLUX]), host("z", has=FLUX)]

    placed = place(hosts, [Waiting(FLUX, 1)], 0)

    assert placed.host.id == "z"


def test_memory_is_better_than_disk():
    placed = place([host("x", has=SDXL), host("y", memory=[FLUX])], [Waiting(FLUX, 1)], 0)

    assert placed.host.id == "y"


def test_a_job_waits_for_a_busy_host_that_is_sooner():
    busy = host("x", has=FLUX, remaining_s=3)

    assert place([busy, host("y")], [Waiting(FLUX, 1)], 0) is None
    later = host("x", has=FLUX, remaining_s=60)
    assert place([later, host("y")], [Waiting(FLUX, 1)], 0).host.id == "y"


def test_a_job_that_needs_no_load_is_served_before_an_older_one_that_does():
    jobs = [Waiting(SDXL, 1), Waiting(FLUX, 2)]

    assert place([host("x", has=FLUX)], jobs, 0).job.seq == 2


def test_but_not_twenty_times():
    older = Waiting(SDXL, 0)
    served = 0
    while True:
        younger = Waiting(FLUX, served + 1)
        placed = place([host("x", has=FLUX)], [older, younger], 0)
        if placed.job is older:
            break
        note_bypass(placed.job, [older], 0)
        served += 1

    assert served == MOST_BYPASSED


def test_and_not_for_half_a_minute():
    older = Waiting(SDXL, 0)
    note_bypass(Waiting(FLUX, 1), [older], 100.0)

    jobs = [older, Waiting(FLUX, 2)]
    assert place([host("x", has=FLUX)], jobs, 100 + MOST_BYPASSED_S - 1).job is not older
    assert place([host("x", has=FLUX)], jobs, 100 + MOST_BYPASSED_S).job is older


def test_without_a_free_host_nothing_is_placed():
    assert place([host("x", has=FLUX, remaining_s=1)], [Waiting(FLUX, 1)], 0) is None
    assert place([], [Waiting(FLUX, 1)], 0) is None


def test_a_switch_keeps_the_model_before_in_memory():
    cache = Cache(8.0)

    assert cache.switch(FLUX, {}) == (22, [])
    assert cache.switch(SDXL, {}) == (22, [])
    assert cache.switch(FLUX, {}) == (8, [])
    assert cache.switch(FLUX, {}) == (0, [])


def test_evicted_is_what_costs_the_least_for_its_size():
    small = model("small", size=1, disk_s=5)
    big = model("big", size=6, disk_s=12)
    rare = model("rare", size=1, disk_s=60)
    rates = {"small": 10.0, "big": 10.0, "rare": 0.1}
    cache = Cache(7.0, on_gpu=CHAT, in_memory={one.name: one for one in (small, big)})

    cache.switch(rare, rates)
    _, evicted = cache.switch(FLUX, rates)

    assert evicted == ["rare"], "60 s once in a long while is less than 12 s often"
    assert cache.load_s(big) == 8


models = st.sampled_from([model(f"m{n}", size=1 + n % 3) for n in range(12)])


@given(st.lists(models, max_size=60), st.integers(0, 9))
def test_memory_never_holds_more_than_it_has(wanted, gib):
    cache = Cache(float(gib))
    for one in wanted:
        cache.switch(one, dict.fromkeys(("m1", "m2"), 1.0))

        assert sum(held.size_gib for held in cache.in_memory.values()) <= gib
        assert one.name not in cache.in_memory
        assert cache.load_s(one) == 0
