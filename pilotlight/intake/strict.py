"""JSON as RFC 8259 has it, and no more: what two parsers could read in two ways is refused.

pydantic keeps the last of two equal keys and takes NaN; a body that says two things is a mistake
or a trick, and NaN cannot be written back as JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from pilotlight.errors import MalformedBody, Problem


def check(body: bytes) -> None:
    """Raises MalformedBody that says where: repeated keys, NaN, numbers beyond a double, nesting
    beyond the parser's stack, bytes that are not UTF-8, anything that is not JSON.
    """
    try:
        text = body.decode()
        json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
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
