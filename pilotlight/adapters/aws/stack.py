"""The settings of a deployed stack, which the stack itself keeps in an SSM parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from pilotlight.errors import SettingsError
from pilotlight.settings import Settings

if TYPE_CHECKING:
    from pilotlight.adapters.aws.clients import Clients


def settings_of(clients: Clients, name: str, here: Settings) -> Settings:
    """``here``, and whatever the parameter ``name`` says instead, a group at a time.

    Raises SettingsError when it cannot be read, or is not what this release understands.
    """
    try:
        answer = clients.control("ssm").get_parameter(Name=name)
    except (ClientError, BotoCoreError) as error:
        raise SettingsError(
            f"cannot read the stack's settings in the SSM parameter {name}: {str(error)[:200]}; "
            "AWS_PROFILE and AWS_DEFAULT_REGION say whose account it is"
        ) from error
    text: str = answer["Parameter"]["Value"]
    try:
        said = Settings.model_validate_json(text)
    except ValidationError as error:
        raise SettingsError(f"the SSM parameter {name} is not settings: {error}") from None
    updates: dict[str, Any] = {field: getattr(said, field) for field in said.model_fields_set}
    aws = said.aws
    kept = {"region": here.aws.region, "endpoint_url": here.aws.endpoint_url}
    updates["aws"] = aws.model_copy(
        update={key: value for key, value in kept.items() if value and not getattr(aws, key)}
        | {"emulated": here.aws.emulated}
    )
    return here.model_copy(update=updates)
