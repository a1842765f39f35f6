"""Kuaishou's Kling, versions 1 to 2.5."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pilotlight.contracts.endpoints.shapes import MIB, Digits, File, NegativePrompt, Prompt
from pilotlight.contracts.media import ImageUrl, Media

Duration = Annotated[Literal["5", "10"], Digits, Field(description="Length in seconds.")]
Ratio = Literal["16:9", "9:16", "1:1"]
Guidance = Annotated[float, Field(description="How closely to follow the prompt.")]
FirstImage = Annotated[ImageUrl, Field(description="First frame.")]
LastImage = Annotated[ImageUrl | None, Field(description="Last frame.")]
AVOID = "blur, distort, and low quality"
_FORMATS = (".mp4", ".mov")


class TextToVideo(BaseModel):
    """A film from a sentence."""

    prompt: Prompt
    duration: Duration = "5"
    aspect_ratio: Ratio = "16:9"
    negative_prompt: NegativePrompt = AVOID
    cfg_scale: Guidance = 0.5


class CameraControl(BaseModel):
    movement_type: Literal["horizontal", "vertical", "pan", "tilt", "roll", "zoom"]
    movement_value: int = Field(description="How far, and by its sign which way.")


class V1TextToVideo(TextToVideo):
    """A film from a sentence, with a camera that moves."""

    camera_control: (
        Literal["down_back", "forward_up", "right_turn_forward", "left_turn_forward"] | None
    ) = Field(default=None, description="A movement by name.")
    advanced_camera_control: CameraControl | None = None


class ImageToVideo(BaseModel):
    """A film that begins with a picture."""

    prompt: Prompt
    image_url: FirstImage
    duration: Duration = "5"
    negative_prompt: NegativePrompt = AVOID
    cfg_scale: Guidance = 0.5


class TailedImageToVideo(ImageToVideo):
    """A film between two pictures."""

    tail_image_url: LastImage = None


class Point(BaseModel):
    x: int
    y: int


class DynamicMask(BaseModel):
    """A part of the picture and the way it goes."""

    mask_url: ImageUrl
    trajectories: list[Point] | None = None


class V1ImageToVideo(TailedImageToVideo):
    """A film from a picture whose parts are told how to move."""

    static_mask_url: ImageUrl | None = Field(default=None, description="What stands still.")
    dynamic_masks: list[DynamicMask] | None = None


class ProImageToVideo(BaseModel):
    """A film between two pictures, in a chosen shape."""

    prompt: Prompt
    image_url: FirstImage
    duration: Duration = "5"
    aspect_ratio: Ratio = "16:9"
    tail_image_url: LastImage = None
    negative_prompt: NegativePrompt = AVOID
    cfg_scale: Guidance = 0.5


class Elements(BaseModel):
    """A film of what several pictures show."""

    prompt: Prompt
    input_image_urls: list[ImageUrl] = Field(
        min_length=1, max_length=4, description="One to four pictures."
    )
    duration: Duration = "5"
    aspect_ratio: Ratio = "16:9"
    negative_prompt: NegativePrompt = AVOID


class Effects(BaseModel):
    """One or two people, or a thing, in an effect."""

    input_image_urls: list[ImageUrl] | None = Field(
        default=None, description="Who or what; two people for hug, kiss and heart_gesture."
    )
    effect_scene: Literal[
        "hug", "kiss", "heart_gesture", "squish", "expansion", "fuzzyfuzzy", "bloombloom",
        "dizzydizzy", "jelly_press", "jelly_slice", "jelly_squish", "jelly_jiggle", "pixelpixel",
        "yearbook", "instant_film", "anime_figure", "rocketrocket",
    ]  # fmt: skip
    duration: Duration = "5"


class VideoToAudio(BaseModel):
    """Sound and music for a film."""

    video_url: Annotated[
        str,
        Media("video", 100 * MIB, formats=_FORMATS, min_s=3, max_s=20),
        Field(description="MP4 or QuickTime, 3 to 20 seconds."),
    ]
    sound_effect_prompt: str = Field(
        default="Car tires screech as they accelerate in a drag race",
        max_length=200,
        description="What is heard of what is seen.",
    )
    background_music_prompt: str = Field(
        default="intense car race", max_length=200, description="The music behind it."
    )
    asmr_mode: bool = Field(default=False, description="Quieter and closer.")


class LipsyncAudio(BaseModel):
    """Make the person in a film speak a recording."""

    video_url: Annotated[
        str,
        Media("video", 100 * MIB, formats=_FORMATS, min_s=2, max_s=10),
        Field(description="MP4 or QuickTime, 2 to 10 seconds."),
    ]
    audio_url: Annotated[
        str,
        Media("audio", 5 * MIB, min_s=2, max_s=60),
        Field(description="2 to 60 seconds."),
    ]


class LipsyncText(BaseModel):
    """Make the person in a film say a text."""

    video_url: Annotated[
        str,
        Media("video", 100 * MIB, formats=_FORMATS, min_s=2, max_s=60),
        Field(description="MP4 or QuickTime, 2 to 60 seconds."),
    ]
    text: str = Field(max_length=120, description="What to say.")
    voice_id: Literal[
        "genshin_vindi2", "zhinen_xuesheng", "AOT", "ai_shatang", "genshin_klee2",
        "genshin_kirara", "ai_kaiya", "oversea_male1", "ai_chenjiahao_712",
        "girlfriend_4_speech02", "chat1_female_new-3", "chat_0407_5-1", "cartoon-boy-07",
        "uk_boy1", "cartoon-girl-01", "PeppaPig_platform", "ai_huangzhong_712",
        "ai_huangyaoshi_712", "ai_laoguowang_712", "chengshu_jiejie", "you_pingjing",
        "calm_story1", "uk_man2", "laopopo_speech02", "heainainai_speech02", "reader_en_m-v1",
        "commercial_lady_en_f-v1", "tiyuxi_xuedi", "tiexin_nanyou", "girlfriend_1_speech02",
        "girlfriend_2_speech02", "zhuxi_speech02", "uk_oldman3", "dongbeilaotie_speech02",
        "chongqingxiaohuo_speech02", "chuanmeizi_speech02", "chaoshandashu_speech02",
        "ai_taiwan_man2_speech02", "xianzhanggui_speech02", "tianjinjiejie_speech02",
        "diyinnansang_DB_CN_M_04-v2", "yizhipiannan-v1", "guanxiaofang-v2", "tianmeixuemei-v1",
        "daopianyansang-v1", "mengwa-v1",
    ]  # fmt: skip
    voice_language: Literal["zh", "en"] = "en"
    voice_speed: float = Field(default=1, gt=0, description="1 is as fast as people speak.")


class FilmAndSound(BaseModel):
    video: File
    audio: File
