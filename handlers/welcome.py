"""``/``: what is served here. A browser gets a page with every endpoint, its fields and commands to
paste; a program gets JSON. Contracts are no secret, so no key is asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from functools import partial
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from handlers.made_once import made_once
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.catalogue import Catalogue
from pilotlight.intake.offers import contract, offer

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_LIMITS: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
}
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --warm: #d2691e }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h1 b { color: var(--warm) } h2 { font-size: 1.1rem; margin-top: 2rem }
code, pre { font: .875rem/1.45 ui-monospace, monospace }
pre { background: var(--soft); padding: .75rem; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem }
summary { cursor: pointer; overflow-wrap: anywhere } summary span { opacity: .7 }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-top: 1px solid var(--line); overflow-wrap: anywhere }
td:first-child { white-space: nowrap }
@media (max-width: 40rem) { td, th { display: block; border: 0; padding: 0 }
  tr { display: block; border-top: 1px solid var(--line); padding: .4rem 0 } thead { display: none } }
"""


async def welcome(request: Request) -> Response:
    vary = {"vary": "accept"}
    if "text/html" not in request.headers.get("accept", ""):
        names = sorted(request.app.state.dialects)
        said = {"service": "pilotlight", "dialects": names, "health": "/readyz"}
        return JSONResponse(said, headers=vary)
    # Made in a thread: the contracts' schemas are tens of milliseconds others need not wait.
    make, site = partial(page, services_of(request).catalogue), escape(base_url(request))
    text = await asyncio.to_thread(made_once(request), "page", make, site=site)
    return HTMLResponse(text, headers={**vary, "content-security-policy": _POLICY})


def page(catalogue: Catalogue, site: str) -> str:
    """All that is served, as HTML that needs no script and nothing from elsewhere."""
    listed = list(catalogue.listed())
    served = [one for one in listed if one.state != "unrouted"]
    shown = "".join(
        _endpoint({**offer(catalogue, one, (), site=site), **contract(catalogue, one)})
        for one in served
    )
    more = len(listed) - len(served)
    known = (
        f"<p>{more} more are known and want a route: <code>pilotlight endpoints unrouted</code></p>"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Pilotlight</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><h1><b>Pilotlight</b> is lit</h1>"
        f"<p>The fal and OpenAI clients, unchanged: fal below <code>{escape(site)}/queue</code> and "
        f"<code>/run</code>, OpenAI at <code>{escape(site)}/v1</code>. "
        '<a href="openapi.json">openapi.json</a> has all of it. Every call wants a key, such as the '
        "one that <code>pilotlight up</code> printed. Once, before the commands below:</p>"
        f"<pre>export PILOTLIGHT_URL={escape(site)} PILOTLIGHT_KEY=...</pre>"
        f"<h2>{len(served)} endpoint{'' if len(served) == 1 else 's'}</h2>"
        f"{shown or '<p>None yet: copy <code>workers/echo.py</code> to add a model.</p>'}"
        f"{known if more else ''}</html>"
    )


def _endpoint(said: Mapping[str, Any]) -> str:
    served = "relayed" if said["state"] == "relayed" else f"worker {said['worker']}"
    example = said["example"] or {"command": "", "curl": ""}
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(words)}"
        for name, kind, words in _fields(said["input"])
    )
    return (
        f"<details><summary><code>{escape(said['id'])}</code> "
        f"<span>{escape(said['description'])}</span></summary>"
        f"<p><span>{escape(said['task'])}, {escape(served)}</span></p>"
        f"<pre>{escape(example['command'])}</pre><pre>{escape(example['curl'])}</pre>"
        f"<table><thead><tr><th>Field<th>Takes<th></thead>{fields}</table></details>"
    )


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, kind and the rest of every field of an input, in its order."""
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        bounds = {key: value for each in one.get("anyOf", ()) for key, value in each.items()} | one
        limits = [text.format(bounds[key]) for key, text in _LIMITS.items() if key in bounds]
        if name in required:
            limits.insert(0, "required")
        elif one.get("default") not in (None, "", [], {}):
            limits.insert(0, f"default {json.dumps(one['default'], ensure_ascii=False)}")
        words = (one.get("description", "").rstrip("."), *limits)
        yield name, _kind(one, schema.get("$defs", {})), "; ".join(filter(None, words))


def _kind(one: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        return _kind(defs[name], defs) if "enum" in defs.get(name, {}) else name
    if "enum" in one:
        return " | ".join(map(str, one["enum"]))
    if "const" in one:
        return str(one["const"])
    if choices := one.get("anyOf") or one.get("oneOf"):
        return " or ".join(dict.fromkeys(_kind(each, defs) for each in choices))
    if one.get("type") == "array":
        return f"list of {_kind(one.get('items', {}), defs)}"
    return str(one.get("type", "anything"))


ROUTES: Final = (Route("/", welcome, methods=["GET"]),)
