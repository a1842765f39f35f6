"""A call of every task type."""

from __future__ import annotations

from tests.contracts.test_media_limits import film, png, uri, wav
from tests.dialects.stage import Background, until

PATH = "/v1/tasks"
WORKERS = ("tests.dialects.stock", "tests.dialects.trades")
IMAGE, SOUND, FILM = uri(png(64, 64)), uri(wav(1)), uri(film(1))
TALK = [{"role": "user", "content": "What is in this picture?"}]
PARTS = [
    {"type": "text", "text": "What is in this picture?"},
    {"type": "image_url", "image_url": {"url": IMAGE}},
]
LOOK = {"messages": [{"role": "user", "content": PARTS}], "temperature": 0.5, "max_tokens": 10}
STEPS = {"num_inference_steps": 4, "guidance_scale": 2.5, "seed": 1}
CLIP = {"prompt": "a boat", "resolution": "480p", "aspect_ratio": "16:9", **STEPS}
FRAMES = {"num_frames": 16, "fps": 8}
LORAS = [{"path": uri(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "), "scale": 4}]
PAYLOADS = {
    "openai/chat-completion": {"messages": TALK, "top_p": 0.9, "stop": ["x"], "tools": []},
    "openai/chat-completion/vision": LOOK,
    "openai/chat-completion/ocr": LOOK,
    "openai/chat-completion/moderation": {"messages": TALK},
    "openai/embeddings": {"input": ["a", "b"], "encoding_format": "float", "dimensions": 4},
    "openai/rerank": {
        "model": "jack", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1,
        "return_documents": True,
    },
    "openai/score": {"model": "jack", "text_1": "a", "text_2": ["b", "c"]},
    "openai/audio-speech": {"input": "a", "voice": "v", "response_format": "wav", "speed": 1.5},
    "openai/audio-transcription": {"audio_url": SOUND, "language": "en", "task": "transcribe"},
    "openai/image-generation": {
        "prompt": "a", "n": 2, "size": "512x512", "quality": "hd", "response_format": "b64_json",
    },
    "fal/text-to-image": {
        "prompt": "a", "negative_prompt": "b", "image_size": "square_hd", **STEPS, "num_images": 10,
        "loras": LORAS, "enable_safety_checker": True, "output_format": "png",
    },
    "fal/image-edit": {
        "prompt": "a", "image_url": IMAGE, "mask_url": IMAGE, "strength": 1, **STEPS,
        "num_images": 10, "loras": LORAS,
    },
    "fal/text-to-video": {**CLIP, **FRAMES, "output_format": "mp4"},
    "fal/image-to-video": {**CLIP, **FRAMES, "image_url": IMAGE},
    "fal/speech-to-video": {"audio_url": SOUND, "image_url": IMAGE, "prompt": "a", **STEPS},
    "fal/audio-transcription": {"audio_url": SOUND, "language": "en", "task": "translate"},
    "fal/video-interpolate": {"video_url": FILM},
    "fal/video-upscale": {"video_url": FILM},
    "fal/ocr": {"image_url": IMAGE},
}  # fmt: skip
"""Every published field of each type."""


def post(client, task="fal/text-to-image", model="jack", **more):
    """Ask for the task with a payload that suits it, unless one is given."""
    headers = more.pop("headers", {})
    body = {"task": task, "model": model}
    if not {"payload", "input"} & set(more):
        body["payload"] = PAYLOADS.get(task, {})
    return client.post(PATH, json=body | more, headers=headers)


def called(stage, client, *words, **more):
    """A call that waits, and the job that it made."""
    before = stage.newest()
    call = Background(post, client, *words, **more)
    until(lambda: stage.newest() != before)
    return call, stage.newest()
