"""The background of a picture that was changed: what the model draws as white is not what somebody
else's picture has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SAME: Final = 24
"""Difference of 255, in any channel, up to which a pixel is as the model left it unchanged."""
FRAME: Final = 3
"""Pixels along each side that show the background."""
APART: Final = 60
"""Distance in RGB from the background at which nothing of it shows through."""


def on_the_same_ground(changed: Image, picture: Image) -> Image:
    """With the very background of ``picture``, unless that was to change.

    Where ``changed`` shows its own through, at borders in part, the difference is made up for.
    """
    import numpy as np
    from PIL import Image as Pictures

    drawn, old = (np.asarray(one.convert("RGB")).astype(float) for one in (changed, picture))
    ground, meant = _ground(drawn), _ground(old)
    if np.abs(ground - meant).max() > SAME:
        return changed
    shown = 1 - np.clip(np.linalg.norm(drawn - ground, axis=2) / APART, 0, 1)
    drawn += shown[:, :, None] * (meant - ground)
    return Pictures.fromarray(drawn.round().clip(0, 255).astype(np.uint8))


def _ground(pixels: NDArray[Any]) -> NDArray[Any]:
    """The colour along the sides."""
    import numpy as np

    sides = (pixels[:FRAME], pixels[-FRAME:], pixels[:, :FRAME], pixels[:, -FRAME:])
    median: NDArray[Any] = np.median(np.concatenate([s.reshape(-1, 3) for s in sides]), axis=0)
    return median
