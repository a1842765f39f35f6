"""What every store of callers' files must do; run against every adapter."""

from __future__ import annotations

import pytest

from pilotlight.errors import IllegalTransition
from pilotlight.ports.files import FileRecord


def record(file_id="file-1", **changes):
    return FileRecord(
        **(
            {
                "id": file_id,
                "caller": "alice",
                "key": f"kept/{file_id}",
                "name": "lines.jsonl",
                "purpose": "batch",
                "content_type": "text/plain",
                "size": 12,
                "sha256": "ab" * 32,
                "created_at": 1.5,
            }
            | changes
        )
    )


def test_a_file_is_found_as_it_was_added_and_by_its_caller_alone(files):
    files.add(record(expires_at=9.25))

    assert files.find("file-1", caller="alice") == record(expires_at=9.25)
    assert files.find("file-1", caller="mallory") is None
    assert files.find("file-2", caller="alice") is None


def test_an_id_can_be_taken_once(files):
    files.add(record())
    with pytest.raises(IllegalTransition):
        files.add(record(name="other"))

    assert files.find("file-1", caller="alice").name == "lines.jsonl"


def test_files_are_listed_in_either_order_from_any_place(files):
    for number in (1, 2, 3, 4):
        files.add(record(f"file-{number}"))
    files.add(record("file-9", caller="mallory"))

    def ids(after, limit, *, newest_first=True):
        listed = files.list_files(
            caller="alice", after=after, limit=limit, newest_first=newest_first
        )
        return [one.id.removeprefix("file-") for one in listed]

    assert ids(None, 10) == ["4", "3", "2", "1"]
    assert ids("file-3", 1) == ["2"]
    assert ids("file-1", 2, newest_first=False) == ["2", "3"]
    assert ids("file-4", 2, newest_first=False) == []


def test_a_file_is_removed_once_and_by_its_caller_alone(files):
    files.add(record())

    assert not files.remove("file-1", caller="mallory")
    assert files.remove("file-1", caller="alice")
    assert not files.remove("file-1", caller="alice")
    assert files.find("file-1", caller="alice") is None
