"""The page: what was asked on the left, what came back on the right. One file, no scripts."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE: Final = """
:root { color-scheme: light dark; --page: #faf8f5; --ink: #2b2622; --line: #ddd5cb;
        --warm: #a0561c; --bad: #a11; --light: #fff; --dark: #e8e2da }
@media (prefers-color-scheme: dark) {
  :root { --page: #1c1917; --ink: #e9e2d9; --line: #443d36; --warm: #f0a35e; --bad: #ff8a80;
          --light: #57504a; --dark: #453f3a } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem;
       padding: clamp(1rem, 4vw, 2rem); background: var(--page); color: var(--ink) }
h1 { font-weight: 600; line-height: 1.2 } h2 { font-size: 1.1rem; margin: 0 }
article { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 2rem; padding: 1.5rem 0;
          border-top: 1px solid var(--line) }
article > div { min-width: 0 }
header { grid-column: 1 / -1 } header span { color: var(--warm); font-size: .9rem }
img, video { box-sizing: border-box; max-width: 100%; min-width: 144px; margin: 2px;
      image-rendering: pixelated; border: 1px solid var(--line); border-radius: 4px;
      background: repeating-conic-gradient(var(--dark) 0 25%, var(--light) 0 50%) 0 0 / 16px 16px }
video { min-width: min(18rem, 100%) } audio { max-width: 100% }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; margin: .5rem 0;
      max-height: 24rem; overflow: auto }
a { color: var(--warm) } p.bad { color: var(--bad) }
@media (max-width: 48rem) { article { grid-template-columns: 1fr } }
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One file on the page, beside it."""

    name: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Entry:
    """``error`` stands where there is no answer. Times in seconds."""

    title: str
    endpoint: str
    asked: Mapping[str, Any]
    given: Sequence[Shown]
    answer: Mapping[str, Any]
    made: Sequence[Shown]
    took_s: float
    error: str = ""


def page(entries: Sequence[Entry], told: str) -> str:
    """All of it as HTML; ``told`` is the line below the title."""
    body = "\n".join(map(_article, entries))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'>"
        f"<title>Pilotlight: what the starters answer</title><style>{_STYLE}</style>"
        f"<h1>What the starters answer</h1><p>{html.escape(told)}</p>{body}</html>\n"
    )


def _article(entry: Entry) -> str:
    answer = f"<p class=bad>{html.escape(entry.error)}</p>" if entry.error else ""
    if not entry.error:
        answer = "".join(map(_file, entry.made)) + _json(entry.answer)
    return (
        f"<article><header><h2>{html.escape(entry.title)}</h2>"
        f"<span>{html.escape(entry.endpoint)}, {entry.took_s:.1f} s</span>"
        f"</header><div>{''.join(map(_file, entry.given))}{_json(entry.asked)}</div>"
        f"<div>{answer}</div></article>"
    )


def _file(shown: Shown) -> str:
    name, kind = html.escape(shown.name, quote=True), shown.content_type.partition("/")[0]
    if kind == "image":
        return f"<img src='{name}' alt='{name}'>"
    if kind == "audio":
        return f"<audio controls src='{name}'></audio>"
    if kind == "video":
        return f"<video controls autoplay loop muted src='{name}'></video>"
    return f"<p><a href='{name}'>{name}</a></p>"


def _json(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    return f"<pre>{html.escape(text)}</pre>" if value else ""
