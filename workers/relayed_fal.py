"""Models whose weights are closed, done by fal with the owner's key: none is copied or faked.

Listed are the families of this catalogue that publish no weights. What does (FLUX.1 Krea and
Kontext dev, HiDream, Kandinsky 5, Ovi, DreamOmni2, Moondream 3, the Wan trainers) is for workers
of one's own; a route brings it here all the same::

    [[route]]
    endpoint = "fal-ai/ovi"
    worker = "relayed-fal"
"""

from __future__ import annotations

from typing import ClassVar, Final

from pilotlight import Endpoint, Route, WorkerSpec
from pilotlight.contracts.endpoints import KNOWN
from workers.engines.relay.relays import Anything, FalRelay

CLOSED: Final = frozenset(
    {
        "creatify",
        "flux_pro",
        "imagen",
        "kling",
        "lucy",
        "luma",
        "meshy",
        "minimax_music",
        "omnihuman",
        "pixverse",
        "recraft",
        "sonauto",
        "sora",
    }
)
"""Families, by the file of their contracts."""


class RelayedFal(FalRelay):
    spec: ClassVar = WorkerSpec(
        name="relayed-fal",
        endpoints=(
            Endpoint(
                id="relay/fal",
                task="relay/fal",
                input=Anything,
                output=Anything,
                routed_only=True,
            ),
        ),
        routes=tuple(Route(endpoint=name) for name, one in KNOWN.items() if one.family in CLOSED),
        upstream="fal",
        gpu_memory_gib=0,
        timeout_s=3600,
        jobs_per_replica=64,
        max_replicas=4,
    )


WORKER = RelayedFal
