"""What can be called here, in the facts that every list of endpoints shows."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Final

from pilotlight.errors import UnroutedEndpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pilotlight.catalogue import Catalogue, Listed

SITE: Final = "http://127.0.0.1:8000"
"""Where `pilotlight up` answers unless told otherwise."""


def offer(
    found: Catalogue, one: Listed, dialects: Sequence[str], *, site: str = SITE
) -> dict[str, Any]:
    """One endpoint: task type, who can name it, who serves it by which route, how to call it.

    ``site`` is the ingress as the caller sees it.
    """
    said: dict[str, Any] = {
        "id": one.id,
        "task": one.task,
        "state": one.state,
        "worker": one.worker,
        "route": None,
        "dialects": list(dialects),
        "streams": one.streams,
        "advice": None,
        "example": None,
    }
    try:
        served = found.endpoint(one.id)
    except UnroutedEndpoint as error:
        return {**said, "advice": str(error)}
    if served.route is not None:
        said["route"] = {
            "by": one.route,
            "target": served.own.id,
            "rename": served.route.rename,
            "fixed": served.route.fixed,
        }
    example = served.example()
    said["example"] = {
        "input": example,
        "command": command(one.id, example),
        "curl": curl(one.id, example, site=site),
    }
    return said


def contract(found: Catalogue, one: Listed) -> dict[str, Any]:
    """What more there is to say of one endpoint: its words, its needs, what goes in and out."""
    try:
        endpoint = found.contract(one.id)
    except UnroutedEndpoint:  # a relay would serve it, and nobody here knows its contract
        return {"description": "", "gpu_memory_gib": None, "upstream": None,
                "input": {}, "output": {}}  # fmt: skip
    served = found.endpoint(one.id) if one.worker else None
    taken = served.input_schema() if served else endpoint.input.model_json_schema()
    return {
        "description": endpoint.description,
        "gpu_memory_gib": served.spec.gpu_memory_gib if served else None,
        "upstream": (served.spec.upstream or None) if served else None,
        "input": taken,
        "output": endpoint.output.model_json_schema(mode="serialization"),
    }


def command(endpoint_id: str, example: dict[str, Any]) -> str:
    """What to paste into a shell while `pilotlight up` runs."""
    words = [f"{name}={_word(value)}" for name, value in example.items()]
    return shlex.join(["pilotlight", "submit", endpoint_id, *words, "--watch"])


def curl(endpoint_id: str, example: dict[str, Any], *, site: str) -> str:
    """What to paste anywhere, once ``PILOTLIGHT_KEY`` is set: waits up to a minute for the end."""
    body = json.dumps({"endpoint": endpoint_id, "input": example}, ensure_ascii=False)
    return (
        f'curl -s {shlex.quote(site + "/api/jobs?wait=60")} -H "Authorization: Key $PILOTLIGHT_KEY" '
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
