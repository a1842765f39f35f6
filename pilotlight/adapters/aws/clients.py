"""The one place that makes AWS clients, so that all of them have our timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

from pilotlight.errors import SettingsError

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client
    from types_boto3_sqs import SQSClient

CONNECT_TIMEOUT_S: Final = 2
READ_TIMEOUT_S: Final = 5
"""Of store and queue: reliability section 2.5."""
TRANSFER_TIMEOUT_S: Final = 30
"""S3 may think longer, for example while it copies a part."""
EMULATED: Final = "emulated"
"""Key and secret for an emulator, which takes any; real ones are not looked for then."""
_CONNECTIONS: Final = 64
"""As many as threads may call at a time."""


class Clients:
    """Clients of one account and region; credentials come from where boto3 looks for them.

    ``endpoint_url`` points all of them elsewhere, ``emulated`` says that it is an emulator. Asking for a client raises SettingsError
    when no region is known.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        emulated: bool = False,
    ) -> None:
        self._session = boto3.Session(
            region_name=region,
            aws_access_key_id=EMULATED if emulated else None,
            aws_secret_access_key=EMULATED if emulated else None,
        )
        self._endpoint_url = endpoint_url
        self._made: list[Any] = []

    def dynamodb(self) -> DynamoDBClient:
        """botocore itself never tries again here: only who counts tries can tell a write that
        was refused from one that was done, whose answer got lost. See :mod:`.calls`.
        """
        config = _config(read_timeout=READ_TIMEOUT_S, retries={"total_max_attempts": 1})
        client: DynamoDBClient = self._client("dynamodb", config)
        return client

    def s3(self) -> S3Client:
        """Every request to S3 that we make may be repeated, so botocore does that."""
        style = "path" if self._endpoint_url else "virtual"
        config = _config(
            read_timeout=TRANSFER_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version="s3v4",
            s3={"addressing_style": style},
        )
        client: S3Client = self._client("s3", config)
        return client

    def _client(self, service: Any, config: Config) -> Any:
        try:
            made = self._session.client(service, config=config, endpoint_url=self._endpoint_url)
        except NoRegionError as error:
            raise SettingsError(
                "AWS: say which region, for example in AWS_DEFAULT_REGION"
            ) from error
        self._made.append(made)
        return made

    def sqs(self, *, wait_s: int = 0) -> SQSClient:
        """``wait_s``: how long a long poll may take; such a client sends nothing twice, because
        a message that the first try took would stay invisible.
        """
        tries = 1 if wait_s else 3
        config = _config(
            read_timeout=READ_TIMEOUT_S + wait_s,
            retries={"mode": "standard", "total_max_attempts": tries},
        )
        client: SQSClient = self._client("sqs", config)
        return client

    def control(self, service: Literal["ecs", "ssm", "lambda"]) -> Any:
        """What steers the deployment: every request may be repeated, and few are made."""
        retries = {"mode": "standard", "total_max_attempts": 3}
        return self._client(service, _config(read_timeout=READ_TIMEOUT_S, retries=retries))

    def close(self) -> None:
        for client in self._made:
            client.close()


def _config(**more: Any) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        max_pool_connections=_CONNECTIONS,
        user_agent_extra="pilotlight",
        **more,
    )
