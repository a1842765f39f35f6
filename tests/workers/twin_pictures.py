"""What is asked of the tiny twins, how several are asked at once, and how their pictures are read."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import torch
from PIL import Image

from pilotlight import Cancelled, OutOfMemory
from tests.live import until
from tests.workers.shelf import SIDE

KREA = "fal-ai/flux-krea-lora/stream"
KONTEXT = "fal-ai/flux-kontext-lora/text-to-image"
SMALL = {"image_size": {"width": SIDE, "height": SIDE}, "enable_safety_checker": False}
URL = "https://example.org/in.png"


def path_of(file):
    return Path(unquote(urlsplit(file.url).path))


def pixels(output, number=0):
    with Image.open(path_of(output.images[number])) as picture:
        return np.asarray(picture, int)


@contextmanager
def hooked(module, hook):
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def full(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def batch_sizes(transformer, sizes):
    def hook(_module, _args, words):
        sizes.append(words["hidden_states"].shape[0])

    return transformer.register_forward_pre_hook(hook, with_kwargs=True)


def together(worker, jobs):
    """Run all jobs in threads, as slots do, when each of them waits behind a first one."""
    easel, gate, inside = worker.easel, threading.Event(), threading.Event()
    first, *rest = jobs

    def held(_fraction, _note):
        inside.set()
        assert gate.wait(60)

    first[1].listen = held
    outputs = [None] * len(jobs)

    def run(place):
        job_input, desk = jobs[place]
        try:
            outputs[place] = worker.run(job_input, desk)
        except (Cancelled, OutOfMemory) as error:
            outputs[place] = error

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(jobs))]
    threads[0].start()
    assert inside.wait(60)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(easel.turns._waiting) >= len(rest), what="the others to wait")
    gate.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return outputs[1:]
