"""A graph of nodes on the terminal, and one that moves while it runs.

A node hangs below the last of those it needs; the others are named behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pilotlight.cli.agents_client import Run

Node = dict[str, Any]
_MARKS: Final = {
    "waiting": ("·", "dim"),
    "queued": ("○", "yellow"),
    "running": ("▶", "cyan"),
    "succeeded": ("✓", "green"),
    "skipped": ("↷", "dim"),
    "failed": ("✗", "red"),
    "expired": ("✗", "red"),
    "cancelled": ("-", "magenta"),
}


def tree(nodes: Sequence[Node], title: str = "") -> Tree:
    """``nodes`` in an order in which each comes behind those it needs."""
    root = Tree(Text(title, style="bold"), hide_root=not title, guide_style="dim")
    branches: dict[str, Tree] = {}
    place = {node["id"]: number for number, node in enumerate(nodes)}
    for node in nodes:
        needs = sorted(node["needs"], key=lambda one: place[one])
        above = branches[needs[-1]] if needs else root
        branches[node["id"]] = above.add(_label(node, needs[:-1]))
    return root


def _label(node: Node, others: Sequence[str]) -> Text:
    text = Text()
    status = node.get("status")
    if status is not None:
        mark, style = _MARKS[status]
        text.append(f"{mark} ", style=style)
    text.append(node["id"], style="bold")
    text.append(_times(node))
    text.append(f"  {node['endpoint']}", style="dim")
    if others:
        text.append(f"  and {', '.join(others)}", style="dim")
    if status == "running" and not node.get("map") and node.get("progress"):
        text.append(f"  {node['progress']:.0%}", style="cyan")
    error = node.get("error")
    if error:
        text.append(f"  {error['message']}", style=_MARKS[status or "failed"][1])
    return text


def _times(node: Node) -> str:
    """How many items a node with ``map`` has, and how many of them are done."""
    spread = node.get("map")
    if not spread:
        return ""
    if spread is True or spread.get("total") is None:
        return " x n"
    return f" x {spread['total']}, {spread.get('succeeded', 0)} done"


def show(nodes: Sequence[Node]) -> None:
    Console(highlight=False).print(tree(nodes))


def watch(runs: Iterator[Run], *, console: Console | None = None) -> Run:
    """Draw every look on standard error; the last one is the run as it ended."""
    console = console or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        *_, last = runs
        console.print(_drawn(last))
        return last
    seen: Run = {}
    with Live(console=console, auto_refresh=False) as live:
        for run in runs:
            live.update(_drawn(run), refresh=True)
            seen = run
    return seen


def _drawn(run: Run) -> Tree:
    return tree(run["nodes"], f"run {run['id']}: {run['status']}")
