"""What ``pilotlight up`` says once it answers: settings to paste, and no more.

Written by hand: a library that draws boxes would cost each start 40 ms and the process 2 MB.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BOLD: Final = "\033[1m"
_DIM: Final = "\033[2m"
_WARM: Final = "\033[38;5;208m"
_PLAIN: Final = "\033[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What runs. ``endpoints`` are ids with what they do."""

    url: str
    tls_url: str | None
    authority: Path | None
    key: str
    endpoints: Sequence[tuple[str, str]]
    example: str
    """JSON input of the first endpoint, for curl."""
    unrouted: int = 0
    """Endpoints that a route would serve."""
    relayed: int = 0
    """Endpoints that somebody else serves, with the owner's key."""


@dataclass(frozen=True, slots=True)
class Ink:
    """Colour, where there is a terminal to show it."""

    on: bool

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_PLAIN}" if self.on else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self.on else text

    def warm(self, text: str) -> str:
        return f"{_WARM}{text}{_PLAIN}" if self.on else text


def banner(facts: Facts, ink: Ink) -> str:
    blocks = [
        [f"{ink.warm('Pilotlight is lit:')} {ink.bold(facts.url)}"],
        [ink.bold("Key"), f"  export FAL_KEY={shlex.quote(facts.key)}"],
        _python_by_environment(facts, ink),
        [
            ink.bold("fal in Python, plain HTTP, uploads too") + ink.dim(": once, before use"),
            "  from pilotlight.clients import connect_fal",
            f'  connect_fal("{facts.url}")',
        ],
        _javascript(facts, ink),
        _openai(facts, ink),
        _curl(facts, ink),
        _endpoints(facts, ink),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _python_by_environment(facts: Facts, ink: Ink) -> list[str]:
    head = ink.bold("fal in Python, by environment alone")
    if facts.tls_url is None or facts.authority is None:
        return [head, ink.dim("  it speaks TLS only: start again with --tls-port 8443")]
    place = facts.tls_url.removeprefix("https://")
    return [
        head + ink.dim(": all but uploads"),
        f"  export FAL_RUN_HOST={place}/run",
        f"  export FAL_QUEUE_RUN_HOST={place}/queue",
        f"  export SSL_CERT_FILE={shlex.quote(str(facts.authority))}",
    ]


def _javascript(facts: Facts, ink: Ink) -> list[str]:
    lines = [
        ink.bold("fal in JavaScript"),
        "  fal.config({ credentials: process.env.FAL_KEY,",
        '    proxyUrl: { url: "URL/api/fal/proxy", when: "always" } })',
        ink.dim("  or, for uploads and streams of the client's own too:"),
        '  const ours = { "fal.run": "run", "queue.fal.run": "queue",',
        '    "rest.fal.ai": "rest" }',
        "  fal.config({ credentials: process.env.FAL_KEY, fetch: (url, init) => {",
        "    const { host, pathname, search } = new URL(url)",
        "    const here = `URL/${ours[host]}${pathname}${search}`",
        "    return fetch(host in ours ? here : url, init) } })",
    ]
    return [line.replace("URL/", f"{facts.url}/") for line in lines]


def _openai(facts: Facts, ink: Ink) -> list[str]:
    """Both of the clients read these by themselves."""
    return [
        ink.bold("OpenAI in Python and JavaScript") + ink.dim(": OpenAI() and new OpenAI()"),
        f"  export OPENAI_BASE_URL={facts.url}/v1",
        f"  export OPENAI_API_KEY={shlex.quote(facts.key)}",
    ]


def _curl(facts: Facts, ink: Ink) -> list[str]:
    if not facts.endpoints:
        return [ink.bold("curl"), f"  curl {facts.url}/readyz"]
    return [
        ink.bold("curl"),
        f"  curl {facts.url}/run/{facts.endpoints[0][0]} \\",
        '    -H "Authorization: Key $FAL_KEY" -H "Content-Type: application/json" \\',
        f"    -d {shlex.quote(facts.example)}",
    ]


def _endpoints(facts: Facts, ink: Ink) -> list[str]:
    if not facts.endpoints:
        return [ink.bold("Endpoints"), ink.dim("  none yet: copy workers/echo.py to add a model")]
    wide = max(len(name) for name, _ in facts.endpoints)
    rows = [
        f"  {name:<{wide}}  {ink.dim(text)}" if text else f"  {name}"
        for name, text in facts.endpoints
    ]
    more = [
        f"  {count} more {words}"
        for count, words in (
            (facts.relayed, "are relayed with your key: pilotlight endpoints relayed"),
            (facts.unrouted, "are known and want a route: pilotlight endpoints unrouted"),
        )
        if count
    ]
    head = ink.bold("Endpoints") + ink.dim(": a browser shows their fields at the address above")
    return [head, *rows, *map(ink.dim, more)]
