"""Files that come with a call: our own copies, named by URLs of ours that no one else can write."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request

from handlers.dialects.openai.errors import WrongUse
from handlers.dialects.openai.forms import Form
from handlers.dialects.openai.operation import Document, Operation
from handlers.services import services_of
from handlers.site import base_url
from pilotlight.contracts.media import MediaKind
from pilotlight.contracts.sniff import HEAD_BYTES, matches, sniff

MOST_OF_A_KIND: Final = 16
"""Pictures that OpenAI takes in one edit."""


def document_of(request: Request, operation: Operation, form: Form, caller: str) -> Document:
    """The form as a document; each field of files is a list of URLs. Blocks on the blob store.

    Raises WrongUse for a file of another kind.
    """
    document: Document = dict(form.fields)
    for name, files in form.files.items():
        kind = operation.media.get(name)
        if kind is None:
            raise WrongUse(f"no file is expected in the field {name}", param=name)
        if len(files) > MOST_OF_A_KIND:
            raise WrongUse(f"at most {MOST_OF_A_KIND} files", param=name)
        document[name] = [_url(request, file, name, kind, caller) for file in files]
    return document


def _url(request: Request, file: UploadFile, name: str, kind: MediaKind, caller: str) -> str:
    services = services_of(request)
    head = file.file.read(HEAD_BYTES)
    found = sniff(head)
    if found is None or not (matches(kind, found) or (kind == "audio" and matches("video", found))):
        raise WrongUse(f"this is no {kind} file in a format that is known here", param=name)
    job = services.settings.job
    key = services.files.lend(
        file.file,
        caller=caller,
        name=(file.filename or name)[-255:],
        content_type=found,
        keep_s=job.max_start_timeout_s + job.retention_s,
    )
    return services.blobs.get_url(key, base_url=base_url(request), expires_at=None)
