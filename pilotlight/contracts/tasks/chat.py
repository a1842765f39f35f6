"""Talking with a language model: ``openai/chat-completion`` and its kinds with pictures.

Wire facts: https://platform.openai.com/docs/api-reference/chat. Fields of one engine alone pass
through: what is not named here reaches the worker as it came.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, NonNegativeInt

from pilotlight.contracts.media import SAMPLES, AudioUrl, ImageUrl
from pilotlight.contracts.tasks.usage import Usage


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Picture(BaseModel):
    url: ImageUrl
    detail: Literal["auto", "low", "high"] = "auto"


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: Picture


class Sound(BaseModel):
    data: str = Field(description="Base64.")
    format: Literal["wav", "mp3"]


class SoundPart(BaseModel):
    type: Literal["input_audio"]
    input_audio: Sound


class SoundUrl(BaseModel):
    url: AudioUrl


class SoundUrlPart(BaseModel):
    type: Literal["audio_url"]
    audio_url: SoundUrl


Part = Annotated[TextPart | ImagePart | SoundPart | SoundUrlPart, Discriminator("type")]


class FunctionCall(BaseModel):
    name: str
    arguments: str = Field(description="JSON, as the model wrote it.")


class ToolCall(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(BaseModel):
    """One turn. ``tool_call_id`` is that of the call which a tool's message answers."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = Field(default=None, examples=["Name three lighthouses."])
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class Function(BaseModel):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = Field(default=None, description="JSON Schema.")
    strict: bool | None = None


class Tool(BaseModel):
    type: Literal["function"] = "function"
    function: Function


class NamedTool(BaseModel):
    class Name(BaseModel):
        name: str

    type: Literal["function"] = "function"
    function: Name


class JsonSchema(BaseModel):
    name: str
    description: str | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class Chat(BaseModel):
    """A conversation, to be continued by one turn."""

    model_config = ConfigDict(extra="allow")

    messages: list[Message] = Field(
        min_length=1, examples=[[{"role": "user", "content": "Name three lighthouses."}]]
    )
    model: str | None = Field(default=None, description="The endpoint says it already.")
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    stop: str | list[str] | None = None
    n: int = Field(default=1, ge=1, le=128)
    seed: int | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    user: str | None = None


class VisionChat(Chat):
    """A conversation about pictures: a turn's content may be a list of parts."""

    messages: list[Message] = Field(
        min_length=1,
        examples=[
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is in this picture?"},
                        {"type": "image_url", "image_url": {"url": SAMPLES["image"]}},
                    ],
                }
            ]
        ],
    )


class Answer(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Since(BaseModel):
    """How much of a choice's beginning a partial output leaves out."""

    content: NonNegativeInt = 0
    """Characters, as of the next."""
    reasoning_content: NonNegativeInt = 0
    logprobs: NonNegativeInt = 0
    """Tokens."""


class Choice(BaseModel):
    index: int = 0
    message: Answer
    logprobs: dict[str, Any] | None = None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"] = "stop"
    since: Since | None = None


class Completion(BaseModel):
    """What the model says. As a partial output ``choices`` hold all that was said so far.

    With ``since`` they leave out what earlier ones held: an answer of thousands of words that
    repeats itself with each one would be megabytes. The output itself is always whole.
    """

    choices: list[Choice]
    usage: Usage = Usage()
