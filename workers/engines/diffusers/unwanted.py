"""What makers have their models not draw, where callers say nothing of it: their own words, since a
model with guidance was judged by its makers with them.
"""

# ruff: noqa: RUF001 - Chinese has commas of its own

from __future__ import annotations

from typing import Final

WAN: Final = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，"
    "形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
"""https://github.com/Wan-Video/Wan2.2, ``sample_neg_prompt``."""
QWEN_IMAGE_2512: Final = (
    "低分辨率，低画质，肢体畸形，手指畸形，画面过饱和，蜡像感，人脸无细节，过度光滑，画面具有AI感。"
    "构图混乱。文字模糊，扭曲。"
)
"""https://huggingface.co/Qwen/Qwen-Image-2512."""
KANDINSKY_5: Final = (
    "Static, 2D cartoon, cartoon, 2d animation, paintings, images, worst quality, low quality, "
    "ugly, deformed, walking backwards"
)
"""The example of ``diffusers.Kandinsky5T2VPipeline``."""
