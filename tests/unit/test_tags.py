from __future__ import annotations

import pytest

from pilotlight.contracts import tags
from pilotlight.contracts.tags import Tag

RED, BLUE, OTHER_RED = Tag("colour", "red"), Tag("colour", "blue"), Tag("mood", "red")


def test_what_is_written_reads_back_in_its_order_and_none_takes_no_room():
    words = (BLUE, RED, Tag("größe", 'five "metres"'))

    assert tags.read(tags.written(words)) == words
    assert tags.written([]) is None
    assert tags.read(None) == ()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], True),
        ([RED], True),
        ([RED, BLUE], True),
        ([OTHER_RED], False),
        ([RED, OTHER_RED], False),
        ([Tag("colour", "re")], False),
    ],
)
def test_a_row_is_found_by_all_its_tags_and_by_no_other(wanted, found):
    assert tags.carries(tags.written([RED, BLUE]), wanted) is found
    assert tags.carries(None, wanted) is (wanted == [])
