"""The endpoints that fal's callers know, with their contracts, whether or not a worker serves them.

This table is all that a listing reads. A family's file holds its request and response shapes and
is imported, and its models built, when one of its endpoints is first used.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import TYPE_CHECKING, Final, NamedTuple

from pilotlight.contracts.worker import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping


class Known(NamedTuple):
    """Where a contract stands: names of classes in the family's file."""

    family: str
    task: str
    input: str
    output: str
    streams: bool = False
    """fal serves partial outputs of it."""


# Task types that are none of the nineteen are fal's own categories.
_T2I, _EDIT = "fal/text-to-image", "fal/image-edit"
_T2V, _I2V, _S2V = "fal/text-to-video", "fal/image-to-video", "fal/speech-to-video"
_V2V, _MUSIC, _SOUND = "fal/video-to-video", "fal/text-to-music", "fal/video-to-audio"
_FILM = "Film"

KNOWN: Final[Mapping[str, Known]] = {
    "fal-ai/imagen4/preview": Known("imagen", _T2I, "Imagen4", "Images"),
    "fal-ai/flux-pro/kontext/multi": Known("flux_pro", _EDIT, "EditSeveral", "Pictures"),
    "fal-ai/flux-pro/kontext/text-to-image": Known("flux_pro", _T2I, "TextToImage", "Pictures"),
    "fal-ai/flux-pro/kontext/max": Known("flux_pro", _EDIT, "Edit", "DetailedPictures"),
    "fal-ai/flux-pro/kontext/max/multi": Known("flux_pro", _EDIT, "EditSeveral", "Pictures"),
    "fal-ai/flux-pro/kontext/max/text-to-image": Known("flux_pro", _T2I, "TextToImage", "Pictures"),
    "fal-ai/flux-pro/v1/redux": Known("flux_pro", _EDIT, "Redux", "Pictures"),
    "fal-ai/flux-pro/v1.1/redux": Known("flux_pro", _EDIT, "Redux", "Pictures"),
    "fal-ai/flux-pro/v1.1-ultra/redux": Known("flux_pro", _EDIT, "UltraRedux", "Pictures"),
    "fal-ai/flux-krea-lora/stream": Known("flux_krea", _T2I, "Krea", "Pictures", streams=True),
    "fal-ai/flux-kontext-lora": Known("flux_kontext_lora", _EDIT, "Edit", "Pictures", streams=True),
    "fal-ai/flux-kontext-lora/inpaint": Known(
        "flux_kontext_lora", _EDIT, "Inpaint", "Pictures", streams=True
    ),
    "fal-ai/flux-kontext-lora/text-to-image": Known(
        "flux_kontext_lora", _T2I, "TextToImage", "Pictures", streams=True
    ),
    "fal-ai/recraft/v3/text-to-image": Known("recraft", _T2I, "RecraftV3", "Images"),
    "fal-ai/hidream-i1-full": Known("hidream", _T2I, "HiDreamFull", "Pictures", streams=True),
    "fal-ai/dreamomni2/edit": Known("dreamomni", _EDIT, "Edit", "Edited"),
    "fal-ai/moondream3-preview/detect": Known("moondream", "fal/vision", "Detect", "Found"),
    "creatify/lipsync": Known("creatify", _V2V, "Lipsync", "Spoken"),
    "fal-ai/bytedance/omnihuman": Known("omnihuman", _S2V, "OmniHuman", "Talking"),
    "fal-ai/kandinsky5/text-to-video": Known("kandinsky", _T2V, "Kandinsky5", _FILM),
    "fal-ai/kandinsky5/text-to-video/distill": Known(
        "kandinsky", _T2V, "Kandinsky5Distilled", _FILM
    ),
    "fal-ai/sora-2/text-to-video/pro": Known("sora", _T2V, "Sora2Pro", "FilmWithId"),
    "fal-ai/ovi": Known("ovi", _T2V, "TextToVideo", "SeededFilm"),
    "fal-ai/ovi/image-to-video": Known("ovi", _I2V, "ImageToVideo", "SeededFilm"),
    "decart/lucy-5b/image-to-video": Known("lucy", _I2V, "Lucy5b", _FILM),
    "fal-ai/luma-dream-machine": Known("luma", _T2V, "TextToVideo", _FILM),
    "fal-ai/luma-dream-machine/image-to-video": Known("luma", _I2V, "ImageToVideo", _FILM),
    "fal-ai/luma-dream-machine/ray-2": Known("luma", _T2V, "Ray2TextToVideo", _FILM),
    "fal-ai/luma-dream-machine/ray-2/image-to-video": Known(
        "luma", _I2V, "Ray2ImageToVideo", _FILM
    ),
    "fal-ai/luma-dream-machine/ray-2/modify": Known("luma", _V2V, "Modify", _FILM),
    "fal-ai/luma-dream-machine/ray-2/reframe": Known("luma", _V2V, "Reframe", _FILM),
    "fal-ai/luma-dream-machine/ray-2-flash": Known("luma", _T2V, "Ray2TextToVideo", _FILM),
    "fal-ai/luma-dream-machine/ray-2-flash/image-to-video": Known(
        "luma", _I2V, "Ray2ImageToVideo", _FILM
    ),
    "fal-ai/luma-dream-machine/ray-2-flash/modify": Known("luma", _V2V, "Modify", _FILM),
    "fal-ai/luma-dream-machine/ray-2-flash/reframe": Known("luma", _V2V, "Reframe", _FILM),
    "fal-ai/pixverse/v3.5/image-to-video": Known("pixverse", _I2V, "ImageToVideo", _FILM),
    "fal-ai/pixverse/v3.5/image-to-video/fast": Known("pixverse", _I2V, "FastImageToVideo", _FILM),
    "fal-ai/pixverse/v3.5/text-to-video/fast": Known("pixverse", _T2V, "FastTextToVideo", _FILM),
    "fal-ai/pixverse/v4/image-to-video": Known("pixverse", _I2V, "CameraImageToVideo", _FILM),
    "fal-ai/pixverse/v4/image-to-video/fast": Known(
        "pixverse", _I2V, "FastCameraImageToVideo", _FILM
    ),
    "fal-ai/pixverse/v5/image-to-video": Known("pixverse", _I2V, "ImageToVideo", _FILM),
    "fal-ai/pixverse/v5/text-to-video": Known("pixverse", _T2V, "TextToVideo", _FILM),
    "fal-ai/pixverse/v5/transition": Known("pixverse", _I2V, "Transition", _FILM),
    "fal-ai/pixverse/extend": Known("pixverse", _V2V, "Extend", _FILM),
    "fal-ai/pixverse/extend/fast": Known("pixverse", _V2V, "FastExtend", _FILM),
    "fal-ai/pixverse/sound-effects": Known("pixverse", _SOUND, "SoundEffects", _FILM),
    "fal-ai/pixverse/lipsync": Known("pixverse", _V2V, "Lipsync", _FILM),
    "fal-ai/kling-video/v1/standard/text-to-video": Known("kling", _T2V, "V1TextToVideo", _FILM),
    "fal-ai/kling-video/v1/standard/image-to-video": Known("kling", _I2V, "V1ImageToVideo", _FILM),
    "fal-ai/kling-video/v1.6/standard/text-to-video": Known("kling", _T2V, "TextToVideo", _FILM),
    "fal-ai/kling-video/v1.6/standard/image-to-video": Known("kling", _I2V, "ImageToVideo", _FILM),
    "fal-ai/kling-video/v1.6/standard/effects": Known("kling", _I2V, "Effects", _FILM),
    "fal-ai/kling-video/v1.6/standard/elements": Known("kling", _I2V, "Elements", _FILM),
    "fal-ai/kling-video/v1.6/pro/image-to-video": Known("kling", _I2V, "ProImageToVideo", _FILM),
    "fal-ai/kling-video/v2/master/text-to-video": Known("kling", _T2V, "TextToVideo", _FILM),
    "fal-ai/kling-video/v2/master/image-to-video": Known("kling", _I2V, "ImageToVideo", _FILM),
    "fal-ai/kling-video/v2.1/master/text-to-video": Known("kling", _T2V, "TextToVideo", _FILM),
    "fal-ai/kling-video/v2.1/master/image-to-video": Known("kling", _I2V, "ImageToVideo", _FILM),
    "fal-ai/kling-video/v2.1/standard/image-to-video": Known("kling", _I2V, "ImageToVideo", _FILM),
    "fal-ai/kling-video/v2.1/pro/image-to-video": Known("kling", _I2V, "TailedImageToVideo", _FILM),
    "fal-ai/kling-video/v2.5-turbo/pro/text-to-video": Known("kling", _T2V, "TextToVideo", _FILM),
    "fal-ai/kling-video/v2.5-turbo/pro/image-to-video": Known("kling", _I2V, "ImageToVideo", _FILM),
    "fal-ai/kling-video/video-to-audio": Known("kling", _SOUND, "VideoToAudio", "FilmAndSound"),
    "fal-ai/kling-video/lipsync/audio-to-video": Known("kling", _V2V, "LipsyncAudio", _FILM),
    "fal-ai/kling-video/lipsync/text-to-video": Known("kling", _V2V, "LipsyncText", _FILM),
    "fal-ai/minimax-music": Known("minimax_music", _MUSIC, "Music", "Song"),
    "fal-ai/minimax-music/v1.5": Known("minimax_music", _MUSIC, "Music15", "Song"),
    "sonauto/v2/text-to-music": Known("sonauto", _MUSIC, "TextToMusic", "Songs"),
    "fal-ai/meshy/v5/multi-image-to-3d": Known(
        "meshy", "fal/image-to-3d", "MultiImageTo3d", "Solid"
    ),
    "fal-ai/wan-trainer/t2v": Known("wan_trainer", "fal/training", "Train", "Trained"),
    "fal-ai/wan-trainer/t2v-14b": Known("wan_trainer", "fal/training", "Train", "Trained"),
    "fal-ai/wan-trainer/i2v-720p": Known("wan_trainer", "fal/training", "Train", "Trained"),
}
"""By the id that fal uses."""


@functools.cache
def contract(endpoint_id: str) -> Endpoint:
    """The endpoint's contract, built on first use. Raises KeyError for an id that is not known."""
    known = KNOWN[endpoint_id]
    family = importlib.import_module(f"{__name__}.{known.family}")
    shapes = importlib.import_module(f"{__name__}.shapes")
    model = getattr(family, known.input)
    return Endpoint(
        id=endpoint_id,
        task=known.task,
        input=model,
        output=getattr(family, known.output, None) or getattr(shapes, known.output),
        description=inspect.getdoc(model) or "",
        streams=known.streams,
    )
