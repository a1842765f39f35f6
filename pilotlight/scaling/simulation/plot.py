"""Cost against wait as an SVG picture: each policy a line over its knob's range, no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pilotlight.scaling.simulation.figures import Figures

    Points = Sequence[tuple[str, Figures]]

_WIDTH: Final = 520
_HEIGHT: Final = 420
_LEFT: Final = 64
_BOTTOM: Final = 52
_TOP: Final = 44
_RIGHT: Final = 20
_COLOURS: Final = ("#0b6e4f", "#c8553d", "#3d5a98", "#8d6a9f", "#7a7a7a")


def svg(lines: Mapping[str, Points], *, title: str) -> str:
    """Two panels: GPU-hours against the mean wait and against the 95th percentile.

    ``lines`` holds each policy's points, a knob's value and its figures. Lower left is better.
    """
    panels = [
        _panel(lines, 0, "mean wait, s", lambda one: one.wait_mean_s),
        _panel(lines, _WIDTH, "95th percentile of the wait, s", lambda one: one.wait_p95_s),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>'
    )
    legend = "".join(
        f'<text x="{_LEFT + 130 * number}" y="36" fill="{_colour(number)}">{escape(name)}</text>'
        for number, name in enumerate(lines)
    )
    return head + legend + "".join(panels) + "</svg>\n"


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _panel(
    lines: Mapping[str, Points], x0: int, words: str, wait: Callable[[Figures], float]
) -> str:
    everything = [one for points in lines.values() for _, one in points]
    most_h = max((one.gpu_hours for one in everything), default=0.0) or 1.0
    most_s = max(map(wait, everything), default=0.0) or 1.0

    def place(one: Figures) -> tuple[float, float]:
        x = x0 + _LEFT + one.gpu_hours / most_h * (_WIDTH - _LEFT - _RIGHT)
        y = _HEIGHT - _BOTTOM - wait(one) / most_s * (_HEIGHT - _BOTTOM - _TOP)
        return round(x, 1), round(y, 1)

    drawn = [_axes(x0, words, most_h, most_s)]
    for number, points in enumerate(lines.values()):
        drawn.append(_line([(knob, *place(one)) for knob, one in points], _colour(number)))
    return "".join(drawn)


def _axes(x0: int, words: str, most_h: float, most_s: float) -> str:
    left, right, foot = x0 + _LEFT, x0 + _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    marks = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + share * (right - left), foot - share * (foot - _TOP)
        marks.append(
            f'<text x="{x:.0f}" y="{foot + 16}" text-anchor="middle">{share * most_h:.3g}</text>'
            f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{share * most_s:.3g}</text>'
        )
    middle = (left + right) / 2
    return (
        f'<path d="M{left} {_TOP}V{foot}H{right}" fill="none" stroke="#444"/>'
        + "".join(marks)
        + f'<text x="{middle:.0f}" y="{foot + 36}" text-anchor="middle">GPU-hours</text>'
        + f'<text transform="translate({x0 + 16} {(foot + _TOP) / 2:.0f}) rotate(-90)" '
        + f'text-anchor="middle">{escape(words)}</text>'
    )


def _line(points: Sequence[tuple[str, float, float]], colour: str) -> str:
    path = " ".join(f"{x},{y}" for _, x, y in points)
    dots = "".join(
        f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
        f'<text x="{x + 5}" y="{y - 4}" fill="{colour}">{escape(knob)}</text>'
        for knob, x, y in points
    )
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}'
