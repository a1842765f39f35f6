"""Yahoo's open_nsfw (BSD-2-Clause): how likely a picture is to be unfit for work, 0 to 1.

Sizes and means are the model's own (https://github.com/yahoo/open_nsfw): 256 pixels wide and high,
the middle 224 of them, blue first, less the means of its training pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pilotlight import stage
from workers.engines.weights.carried import weights

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MARGIN: Final = 16
SIDE: Final = 224
MEANS: Final = (104.0, 117.0, 123.0)


class OpenNsfw:
    """A loaded classifier."""

    def __init__(self) -> None:
        model = weights("open-nsfw") / "open-nsfw.onnx"
        with stage("imports"):
            import onnxruntime
        # One thread takes ten milliseconds; several wait for each other where others want the cores.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        with stage("weights"):
            self._session: Any = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        self._input: str = self._session.get_inputs()[0].name

    def score(self, picture: Picture) -> float:
        """Of one picture, of any size and mode."""
        import numpy as np
        from PIL import Image as Pictures

        whole = SIDE + 2 * MARGIN
        small = picture.convert("RGB").resize((whole, whole), Pictures.Resampling.BILINEAR)
        middle = small.crop((MARGIN, MARGIN, MARGIN + SIDE, MARGIN + SIDE))
        seen = np.asarray(middle, np.float32)[:, :, ::-1] - np.asarray(MEANS, np.float32)
        return float(self._session.run(None, {self._input: seen[None]})[0][0, 1])
