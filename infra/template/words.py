"""CloudFormation's words, as short functions: what they return stands in the template."""

from __future__ import annotations

from typing import Any

Value = Any
"""What may stand in a template: text, number, list, object."""


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


def when(condition: str, yes: Value, no: Value) -> dict[str, list[Value]]:
    return {"Fn::If": [condition, yes, no]}


NOTHING = ref("AWS::NoValue")


def tags(worker: str) -> list[dict[str, str]]:
    """Of what belongs to one worker; the plugin adds those that everything carries."""
    return [{"Key": "pilotlight-worker", "Value": worker}]


def resource(kind: str, properties: dict[str, Value], **more: Value) -> dict[str, Value]:
    return {"Type": f"AWS::{kind}", **more, "Properties": properties}
