"""Who shares a call with whom: by what it costs, and never for long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from workers.engines.diffusers.declared import Limits
from workers.engines.diffusers.sharing import Linger, Piece, Share, choose

LIMITS = Limits(cost=16, megapixels=4, linger_s=0.01)
KINDS = some.sampled_from(["a", "b", None])
PIECES = some.builds(
    Piece, KINDS, cost=some.floats(0.1, 20), megapixels=some.floats(0.1, 5), since=some.just(0.0)
)


def piece(kind="a", cost=4.0, megapixels=1.0, since=0.0):
    return Piece(kind, cost, megapixels, since)


def test_equal_pieces_go_together_and_others_wait():
    waiting = [piece(), piece("b"), piece(), piece(None), piece()]

    assert choose(waiting, LIMITS, now=1) == Share((0, 2, 4))


def test_a_call_takes_what_costs_little_by_the_dozen_and_what_costs_much_alone():
    cheap, dear = [piece(cost=1, megapixels=0.25)] * 20, [piece(cost=16)] * 3

    assert choose(cheap, LIMITS, now=1) == Share(tuple(range(16)))
    assert choose(dear, LIMITS, now=1) == Share((0,))


def test_memory_bounds_it_too():
    assert choose([piece(cost=1, megapixels=1.5)] * 4, LIMITS, now=1) == Share((0, 1))


def test_a_call_with_room_waits_for_company_but_not_longer_than_said():
    assert choose([piece(since=5.0)], LIMITS, now=5.0) == Linger(5.01)
    assert choose([piece(since=5.0)], LIMITS, now=5.01) == Share((0,))


def test_nobody_waits_where_there_is_no_room_or_nobody_can_come():
    assert choose([piece(), piece(), piece(), piece()], LIMITS, now=0) == Share((0, 1, 2, 3))
    assert choose([piece(None)], LIMITS, now=0) == Share((0,))
    assert choose([piece(cost=40)], LIMITS, now=0) == Share((0,))
    assert choose([piece()], Limits(), now=0) == Share((0,))


def test_none_is_overtaken_by_a_later_one_of_its_kind():
    """The third would fit, the second does not: both wait."""
    waiting = [piece(cost=8), piece(cost=12), piece(cost=1)]

    assert choose(waiting, LIMITS, now=1) == Share((0,))


@given(some.lists(PIECES, min_size=1, max_size=12))
def test_the_first_is_always_served_and_the_limits_always_hold(waiting):
    chosen = choose(waiting, LIMITS, now=1)

    assert isinstance(chosen, Share)
    assert chosen.places[0] == 0
    assert list(chosen.places) == sorted(set(chosen.places))
    shared = [waiting[place] for place in chosen.places]
    assert {one.kind for one in shared} == {waiting[0].kind}
    if len(shared) > 1:
        assert waiting[0].kind is not None
        assert sum(one.cost for one in shared) <= LIMITS.cost
        assert sum(one.megapixels for one in shared) <= LIMITS.megapixels
