"""A text read aloud, take by take: whoever follows hears each as soon as it is spoken."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

from pilotlight import File, InvalidInput, Problem
from pilotlight.contracts.tasks.speech import Speech
from workers.engines.speech.files import CONTENT_TYPES, SoundFile

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from pilotlight import Context
    from pilotlight.contracts.tasks.speech import Speak

PAUSE_S: Final = 0.25
"""Between two takes."""
LOUDEST: Final = 32_767
_PIECE_BYTES: Final = 128 * 1024
"""Longest piece that a follower gets at once; a partial output carries twice as much."""
_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")  # noqa: RUF001 - as Chinese ends sentences


def aloud(
    takes: Iterable[Any], asked: Speak, context: Context, *, rate: int, many: int
) -> Generator[Speech, None, Speech]:
    """The file that ``asked`` wants, of ``many`` takes: samples from -1 to 1, shape (n,).

    A WAV begins with its length, so it comes as a whole, unless ``stream_format`` asks for one of
    unknown length.
    """
    import numpy as np

    form = asked.response_format
    growing = context.streaming and (form != "wav" or asked.stream_format is not None)
    path = context.folder / f"speech.{form}"
    sound = SoundFile(path, rate, form, growing=growing)
    pause = np.zeros(round(PAUSE_S * rate), np.int16)
    for number, take in enumerate(takes):
        said = (take * LOUDEST).clip(-LOUDEST, LOUDEST).astype(np.int16)
        made = sound.add(np.concatenate([pause, said]) if number else said)
        yield from _pieces(made, form, number, context)
        context.progress(min(1.0, (number + 1) / many))
    yield from _pieces(sound.close(), form, many, context)
    return Speech(
        audio_url=File.at(path).url,
        content_type=CONTENT_TYPES[form],
        duration=round(sound.seconds, 3),
    )


def _pieces(sound: bytes, form: str, number: int, context: Context) -> Iterator[Speech]:
    """What a follower has not heard yet, in files of their own."""
    for at in range(0, len(sound), _PIECE_BYTES):
        piece = context.folder / f"piece-{number}-{at}.{form}"
        piece.write_bytes(sound[at : at + _PIECE_BYTES])
        yield Speech(audio_url=File.at(piece).url, content_type=CONTENT_TYPES[form])


def voice_of(asked: Speak, voices: Sequence[str]) -> str:
    """The first one unless asked otherwise. Raises InvalidInput for one that there is not."""
    if asked.voice is None:
        return voices[0]
    for voice in voices:
        if voice.lower() == asked.voice.lower():
            return voice
    raise wrong("voice", f"there is no voice {asked.voice}; use {', '.join(voices)}")


def sentences(text: str) -> list[str]:
    """Raises InvalidInput for a text with nothing in it to say."""
    found = [part.strip() for part in _END.split(text) if any(map(str.isalnum, part))]
    if not found:
        raise wrong("input", "there is nothing in it that can be said")
    return found


def wrong(field: str, words: str) -> InvalidInput:
    return InvalidInput(words, Problem(("body", field), words, "value_error"))


def faster(samples: Any, rate: int, speed: float) -> Any:
    """As high as before: ffmpeg's ``atempo``, for models that speak at one speed."""
    import av
    import numpy as np

    if speed == 1:
        return samples
    graph = av.filter.Graph()
    steps = [graph.add_abuffer(format="fltp", sample_rate=rate, layout="mono")]
    while speed < 0.5:  # the slowest that one step can do
        steps.append(graph.add("atempo", "0.5"))
        speed /= 0.5
    steps += [graph.add("atempo", f"{speed:g}"), graph.add("abuffersink")]
    for one, other in itertools.pairwise(steps):
        one.link_to(other)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(
        samples.astype(np.float32).reshape(1, -1), format="fltp", layout="mono"
    )
    frame.sample_rate = rate
    graph.push(frame)
    graph.push(None)
    made = []
    while True:
        try:
            made.append(graph.pull().to_ndarray().reshape(-1))
        except (av.error.EOFError, BlockingIOError):
            return np.concatenate(made)
