"""JSON as RFC 8259 has it, and no more: what two parsers could read in two ways is refused.

pydantic keeps the last of two equal keys and takes NaN; a body that says two things is a mistake
or a trick, and NaN cannot be written back as JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from pilotlight.errors import InvalidInput, MalformedBody, Problem

MOST_VALUES: Final = 300_000
"""In one body: what OpenAI takes of tokens. Each wrong one is told apart before any is told of, and
twenty megabytes of ``{}`` would take ten gigabytes of memory."""


def check(body: bytes) -> None:
    """Raises MalformedBody that says where: repeated keys, NaN, numbers beyond a double, nesting
    beyond the parser's stack, bytes that are not UTF-8, anything that is not JSON. Raises
    InvalidInput for more than :data:`MOST_VALUES`.
    """
    try:
        text = body.decode()
        found = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise _malformed(f"{error.msg} at {where}", error.pos) from None
    except UnicodeDecodeError as error:
        raise _malformed("not UTF-8", error.start) from None
    except RecursionError:
        raise _malformed("nested too deeply") from None
    except _Odd as error:
        raise _malformed(str(error)) from None
    except ValueError:  # an integer of thousands of digits
        raise _malformed("a number has too many digits") from None
    # Commas are quick to count, and those in a long text are no values.
    if body.count(b",") > MOST_VALUES and _has_more(found, MOST_VALUES):
        message = f"more than {MOST_VALUES} values in one body; divide it among several requests"
        raise InvalidInput(message, Problem(("body",), message, "too_long"))


def _has_more(document: Any, most: int) -> bool:
    """Whether there are more values in the document than so many."""
    count, inner = 0, [document]
    while inner and count <= most:
        value = inner.pop()
        if isinstance(value, dict | list):
            count += len(value)
            items = value.values() if isinstance(value, dict) else value
            inner += [item for item in items if isinstance(item, dict | list)]
    return count > most


class _Odd(Exception):
    """Something the hooks below refuse; they do not know where they are."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Odd(f"the key {key[:100]!r} is there twice")
            seen.add(key)
    return found


def _no_constant(word: str) -> NoReturn:
    raise _Odd(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Odd(f"{digits[:40]} is too large for a number")
    return number


def _malformed(message: str, position: int | None = None) -> MalformedBody:
    loc = ("body",) if position is None else ("body", position)
    problem = Problem(loc, f"JSON decode error: {message}", "json_invalid", {"error": message})
    return MalformedBody(problem.message, problem)
