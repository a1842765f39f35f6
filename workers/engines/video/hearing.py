"""What a recording sounds like around each picture of a film: log-mel windows.

Loudness is told against the recording's own loud parts, so that a whisper close to the microphone
and a shout far from it open a mouth alike; what is far below any speech stays silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE: Final = 16_000
"""Samples a second."""
HOP, LENGTH = 160, 512
"""Samples from one column to the next, and under its window: 10 and 32 ms."""
BANDS: Final = 32
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_000.0
COLUMNS: Final = 12
"""Of a window around one picture: 120 ms."""
LOUD: Final = 0.95
"""Share of the columns that the reference is louder than."""
FAINT: Final = 0.003
"""Root mean square, of 1, that counts as loud where nothing is louder: -50 dB."""
_FLOOR: Final = 1e-3


def mels(heard: NDArray[Any]) -> NDArray[Any]:
    """Log-mel columns (columns, BANDS), about -1 to 1: one every HOP samples."""
    import numpy as np

    columns = _columns(heard)
    power = np.abs(np.fft.rfft(columns * np.hanning(LENGTH), axis=1)) ** 2 / LENGTH
    told = power @ _filters() / loudness_of(columns) ** 2
    return (np.log10(told + _FLOOR) / 3).astype(np.float32)  # type: ignore[no-any-return]


def loudness(heard: NDArray[Any]) -> NDArray[Any]:
    """Of each column against the recording's loud parts: 1 is loud, 0 silent; (columns,)."""
    import numpy as np

    columns = _columns(heard)
    rms = np.sqrt((columns**2).mean(1))
    return rms / loudness_of(columns)  # type: ignore[no-any-return]


def loudness_of(columns: NDArray[Any]) -> float:
    """Root mean square of the loud parts."""
    import numpy as np

    rms = np.sqrt((columns**2).mean(1))
    return max(float(np.quantile(rms, LOUD)), FAINT)


def windows(heard: NDArray[Any], *, rate: float) -> NDArray[Any]:
    """(pictures, BANDS, COLUMNS): what is heard around each picture of a film as long."""
    import numpy as np

    told = mels(heard)
    count = max(1, round(len(heard) / RATE * rate))
    padded = np.pad(told, ((COLUMNS, COLUMNS), (0, 0)), constant_values=float(np.log10(_FLOOR) / 3))
    middles = ((np.arange(count) + 0.5) / rate * RATE / HOP).round().astype(int)
    starts = np.minimum(middles, len(told)) + COLUMNS - COLUMNS // 2
    return np.stack([padded[at : at + COLUMNS].T for at in starts])


def _columns(heard: NDArray[Any]) -> NDArray[Any]:
    """(columns, LENGTH), each around its moment."""
    import numpy as np

    padded = np.pad(heard, (LENGTH // 2, LENGTH))
    count = max(1, len(heard) // HOP)
    return padded[np.arange(count)[:, None] * HOP + np.arange(LENGTH)]  # type: ignore[no-any-return]


def _filters() -> NDArray[Any]:
    """Triangles evenly spaced in mel (2595 log10(1 + f/700)): (LENGTH / 2 + 1, BANDS)."""
    import numpy as np

    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(LENGTH, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)
