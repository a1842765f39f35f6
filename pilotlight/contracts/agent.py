"""An agent: a graph of jobs. Each node calls an endpoint; templates say what flows where.

``needs`` of a node are the nodes whose output its templates use, and those it names itself. With
``map`` a node runs once for each item of a list; ``{{item}}`` and ``{{index}}`` then stand in its
payload, and its output is the list of outputs, in the items' order.

With ``when`` a node runs only if that is true, as JSON knows it: false, null, 0 and what is empty
are not, nor is what is not there. One that does not run is skipped, and so is every node that
needs it; the run goes on, and in its output what a skipped node would have given is null.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from pilotlight.contracts.templates import uses

MOST_NODES: Final = 100
MOST_ITEMS: Final = 10_000
"""Jobs of one node with ``map``."""
NOTHING: Final = "null"
"""Output of a skipped node. No endpoint gives this: outputs are objects."""
_CONDITION: Final = re.compile(r"\s*(not\s+)?(\{\{[^{}]*\}\})\s*")
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]


class Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: NodeId
    task: str | None = Field(default=None, max_length=200, description="Such as fal/image-edit.")
    model: str | None = Field(
        default=None, max_length=200, description="An endpoint's id, or a worker's name."
    )
    payload: dict[str, Any] = {}
    """The endpoint's input, with templates."""
    needs: tuple[NodeId, ...] = Field(default=(), max_length=MOST_NODES)
    map: str | list[Any] | None = None
    """A template of a list, or a list."""
    when: str | bool | None = None
    """A template, with ``not`` before it for the opposite."""

    @property
    def body(self) -> dict[str, Any]:
        """Where its templates stand."""
        more = {"map": self.map, "when": self.when}
        return {"payload": self.payload} | {k: v for k, v in more.items() if v is not None}

    @property
    def condition(self) -> tuple[bool, str] | None:
        """What ``when`` is to be, and its template; None where it is no template."""
        found = _CONDITION.fullmatch(self.when) if isinstance(self.when, str) else None
        return None if found is None else (found[1] is None, found[2])

    @property
    def upstream(self) -> tuple[str, ...]:
        """Nodes it needs, each once, in the order in which they are named."""
        used = (use.path[1] for use in uses(self.body) if is_node(use.path))
        return tuple(dict.fromkeys((*used, *self.needs)))


class Definition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: tuple[Node, ...] = Field(min_length=1, max_length=MOST_NODES)
    output: Any = None
    """A value with templates; without one the outputs of the nodes that nobody needs."""

    @property
    def last(self) -> tuple[Node, ...]:
        """Nodes that nobody needs."""
        needed = {one for node in self.nodes for one in node.upstream}
        return tuple(node for node in self.nodes if node.id not in needed)

    def node(self, node_id: str) -> Node:
        return next(node for node in self.nodes if node.id == node_id)


def is_node(path: tuple[str, ...]) -> bool:
    """Whether a path names a node's output: ``nodes.ID.output...``."""
    return path[0] == "nodes" and len(path) > 1
