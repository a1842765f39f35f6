"""What the bench found: a table to read and one JSON object for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tests.bench.figures import EXTRA, HELD, ratio

if TYPE_CHECKING:
    from tests.bench.figures import Figure, Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Medians per system; an empty one was not measured."""

    ours: Figures
    reference: Figures
    taskiq: Figures
    reference_is: str
    """What the bare reference was built of."""
    machine: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        names = [figure.name for figure in HELD]
        whole: dict[str, Any] = {}
        for prefix, system in (
            ("", self.ours),
            ("reference_", self.reference),
            ("taskiq_", self.taskiq),
        ):
            whole |= {prefix + name: _rounded(system.get(name)) for name in names}
        whole["ratios"] = {
            name: _rounded(ratio(self.ours.get(name), self.reference.get(name))) for name in names
        }
        extras = {
            name: {figure.name: _rounded(system.get(figure.name)) for figure in EXTRA}
            for name, system in (
                ("pilotlight", self.ours), ("reference", self.reference), ("taskiq", self.taskiq)
            )
        }  # fmt: skip
        return whole | {"extras": extras, "machine": self.machine}

    def as_table(self) -> Table:
        table = Table(title="Pilotlight, local mode, beside references in the same run (medians)")
        table.add_column("figure")
        for heading in ("Pilotlight", "bare", "taskiq", "ours/bare", "ours/taskiq", "hold"):
            table.add_column(heading, justify="right")
        table.add_column("")
        for figure in HELD:
            table.add_row(*self._row(figure))
        table.add_section()
        for figure in EXTRA:
            table.add_row(*self._row(figure), style="dim")
        return table

    def _row(self, figure: Figure) -> list[str]:
        values = [one.get(figure.name) for one in (self.ours, self.reference, self.taskiq)]
        sign = "<=" if figure.better == "less" else ">="
        return [
            figure.title,
            *("-" if value is None else f"{value:,.{figure.digits}f}" for value in values),
            *(_times(ratio(values[0], other)) for other in values[1:]),
            "" if figure.hold is None else f"{sign} {figure.hold:g}",
            {True: "[green]holds[/]", False: "[red]MISSED[/]", None: ""}[
                figure.holds(values[0], taskiq=values[2])
            ],
        ]


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
