"""What one of OpenAI's paths is made of: pure translation, there and back.

A file of translations defines an :class:`Operation`; :mod:`.operations` lists them all, and
everything else works on any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from handlers.dialects.openai.places import PREFIXES
from pilotlight.catalogue import Served
from pilotlight.contracts.media import MediaKind

Document = dict[str, Any]
Way = Literal["whole", "events", "bytes"]
"""How the answer comes: at once, as server-sent events, or as bytes while they are made."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The input as the endpoint's contract wants it."""

    body: Document
    options: Document = field(default_factory=dict)
    """What the answer has to know of the question."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The contract's fields by the name the caller knows, for errors."""


@dataclass(frozen=True, slots=True)
class Told:
    """A job to be put into OpenAI's words. ``output`` is empty while it runs."""

    id: str
    model: str
    created: int
    options: Document
    output: Document = field(default_factory=dict)


class Text(NamedTuple):
    """An answer that is no JSON."""

    text: str
    content_type: str = "text/plain; charset=utf-8"


class TheFile(NamedTuple):
    """The answer is the bytes of the first file that the job made."""

    content_type: str


Answer = Document | Text | TheFile


class Diverged(Exception):
    """A model that was started again says something else than what the caller has read."""


class Narrator(Protocol):
    """Tells of one job as it goes; it remembers what was said."""

    @property
    def done(self) -> bool:
        """Whether the stream ends with ``[DONE]``."""
        ...

    def partial(self, output: Document) -> Iterable[Document]:
        """What is new in a partial output. Raises Diverged."""
        ...

    def end(self, output: Document) -> Iterable[Document]:
        """What is left to say. Raises Diverged."""
        ...


def _asks_for_events(document: Document, _served: Served) -> Way:
    return "events" if yes(document.get("stream")) else "whole"


def _never(_options: Document) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    name: str
    """Kept with the job, so that its result can be told later."""
    path: str
    """Below each of ``prefixes``."""
    prefixes: Sequence[str] = PREFIXES
    """The first of them tells the operation apart, in a batch's lines too."""
    tasks: frozenset[str]
    """Task types of the endpoints that it can call."""
    translate: Callable[[Document, Served], Wish]
    """Raises InvalidInput and WrongUse in the caller's names."""
    answer: Callable[[Told], Answer]
    narrator: Callable[[Told], Narrator] | None = None
    """None: there is nothing to follow."""
    pending: Callable[[Told, str], Document] | None = None
    """The answer while there is none yet, by its status. With it ``background`` means here what
    ``async`` means elsewhere, and a stream of it goes on without its reader."""
    continued: Callable[..., Document] | None = None
    """Puts what an earlier job of the caller's said into a body that names it; see
    :func:`.response_earlier.continued`. It may block."""
    way: Callable[[Document, Served], Way] = _asks_for_events
    inline: Callable[[Document], bool] = _never
    """Whether, with these options, the answer needs the files' bytes."""
    refusal: Callable[[Document], Document] | None = None
    """The body of an error in other words than OpenAI's; only of calls that never stream."""
    media: Mapping[str, MediaKind] = field(default_factory=dict)
    """Files that a form may bring, by field; they reach ``translate`` as lists of URLs."""

    @property
    def url(self) -> str:
        """``/v1/chat/completions``."""
        return self.prefixes[0] + self.path


def yes(value: object) -> bool:
    """A flag in JSON, or as a form writes it."""
    return value is True or (isinstance(value, str) and value.strip().lower() in {"1", "true"})
