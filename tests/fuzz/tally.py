"""A property, and how many inputs it was held against."""

from __future__ import annotations

import functools
from collections import Counter

from hypothesis import given

examples: Counter[str] = Counter()
"""By name of the property."""


def fuzzed(**strategies):
    """``given``, counted."""

    def decorate(test):
        @given(**strategies)
        @functools.wraps(test)
        def counted(*args, **kwargs):
            examples[test.__name__] += 1
            test(*args, **kwargs)

        return counted

    return decorate
