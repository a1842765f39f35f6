"""One pooled host's choices, without a host: what it loads, what it lets go, whom it leaves jobs to."""

from __future__ import annotations

import pytest

from pilotlight.ports.pool import Choice, Head, Held, Neighbour, Switch
from pilotlight.scaling.placement import MOST_BYPASSED
from pilotlight.scaling.router import (
    DISK_S,
    FIRST_PAUSE_S,
    LEFT_TO_OTHERS_S,
    LONGEST_PAUSE_S,
    PoolRouter,
)
from tests.workers.shared._toy import spec


def router_of(*, memory_gib=2.5, gpu=False, size=1.0, host="here"):
    members = [spec(name, model_gib=size) for name in ("a", "b", "c")]
    return PoolRouter(members, memory_gib=memory_gib, gpu=gpu, host=host)


def bring(router, name, now=0.0, *, took_s=1.0, size_gib=1.0):
    """Its model in place, as if a job had asked for it."""
    choice = router.choose({name: Head(f"job of {name}", 1)}, now)
    if choice.switch is not None:
        gone = router.switched(choice.switch, took_s=took_s, size_gib=size_gib, dropped=(), now=now)
        assert router.choose({name: Head(f"job of {name}", 1)}, now) == Choice(name)
    else:
        gone = ()
    router.began(name, now)
    return choice.switch, gone


def test_the_first_job_brings_its_model_and_the_next_one_finds_it():
    router = router_of()

    assert bring(router, "a")[0] == Switch("a")
    assert bring(router, "a")[0] is None
    assert router.held() == Held("a")


def test_without_a_gpu_models_stay_side_by_side_until_the_memory_is_full():
    router = router_of(memory_gib=2.5)
    bring(router, "a")
    bring(router, "a", 1)

    assert bring(router, "b", 2)[0] == Switch("b", park="a")
    switch, _ = bring(router, "c", 3)
    assert switch == Switch("c", park="b", drop=("a",)) or switch == Switch("c", drop=("b",))
    assert len({router.held().in_place, *router.held().in_memory}) == 2


def test_a_size_that_nobody_declared_is_learned_and_makes_room_afterwards():
    router = router_of(size=0, memory_gib=2.5)
    bring(router, "a", size_gib=2)

    switch, gone = bring(router, "b", 1, size_gib=2)

    assert switch == Switch("b", park="a"), "nothing was known of b"
    assert gone == ("a",)
    assert router.held() == Held("b")


def test_a_model_that_cannot_be_loaded_is_tried_again_ever_later():
    router = router_of()
    heads = {"a": Head("x", 1)}
    now, pauses = 0.0, []
    for _ in range(10):
        choice = router.choose(heads, now)
        router.failed(choice.switch, now)
        began = now
        while router.choose(heads, now) is None:
            now += 1.0
        pauses.append(now - began)

    assert pauses[0] == FIRST_PAUSE_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S


def test_the_others_are_served_while_one_cannot_be_loaded():
    router = router_of()
    router.failed(router.choose({"a": Head("x", 1)}, 0).switch, 0)

    choice = router.choose({"a": Head("x", 1), "b": Head("y", 2)}, 0.1)
    assert choice.worker == "b"


def test_a_dead_child_has_nothing_loaded():
    router = router_of()
    bring(router, "a")
    bring(router, "b")
    router.lost()

    assert router.held() == Held()
    assert router.choose({"a": Head("z", 9)}, 5).switch == Switch("a")


def test_what_could_not_be_parked_is_not_counted_on_again():
    router = router_of(gpu=True)
    bring(router, "a")
    choice = router.choose({"b": Head("y", 2)}, 1)
    assert choice.switch == Switch("b", park="a")
    router.switched(choice.switch, took_s=1, size_gib=1, dropped=["a"], now=1)
    assert router.held() == Held("b")

    bring(router, "a", 2)
    assert router.choose({"b": Head("q", 3)}, 3).switch == Switch("b", drop=("a",))


def test_nobody_is_passed_over_more_than_twenty_times():
    router = router_of()
    bring(router, "a")
    served = []
    for number in range(MOST_BYPASSED + 1):
        heads = {"b": Head("old", 1), "a": Head(f"new {number}", 2 + number)}
        choice = router.choose(heads, 1.0)
        served.append(choice.worker)
        if choice.switch is None:
            router.began(choice.worker, 1.0)

    assert served == ["a"] * MOST_BYPASSED + ["b"]


def there(name, held, left_s=0.0):
    return Neighbour(name, held), left_s


def test_a_job_is_left_to_the_host_that_has_its_model():
    router = router_of(host="h1")
    heads = {"a": Head("x", 1)}

    assert router.choose(heads, 0, [there("h2", Held("a"))]) is None
    assert router.choose(heads, 0, [there("h2", Held("a"), DISK_S / 2)]) is None, "soon free"
    assert router.choose(heads, 0, [there("h2", Held("a"), DISK_S * 2)]) is not None


def test_of_two_that_could_only_one_loads():
    heads = {"a": Head("x", 1)}
    one = router_of(host="h1").choose(heads, 0, [there("h2", Held())])
    other = router_of(host="h2").choose(heads, 0, [there("h1", Held())])

    assert [one is None, other is None].count(True) == 1


def test_who_should_take_it_and_does_not_is_not_waited_for():
    router = router_of(host="h1")
    heads = {"a": Head("x", 1)}
    stale = [there("h2", Held("a"))]

    assert router.choose(heads, 10.0, stale) is None
    assert router.choose(heads, 10.0 + LEFT_TO_OTHERS_S, stale) is None
    assert router.choose(heads, 10.1 + LEFT_TO_OTHERS_S, stale).switch == Switch("a")


@pytest.mark.parametrize(("urgent", "first"), [(0, "b"), (1, "a")])
def test_a_more_urgent_job_is_worth_a_load(urgent, first):
    router = router_of()
    bring(router, "a")
    heads = {"a": Head("x", 5, priority=1), "b": Head("y", 6, priority=urgent)}

    assert router.choose(heads, 1).worker == first
