"""A caller's files: whole or not at all, each caller's own, gone when their time is over."""

from __future__ import annotations

import io

import pytest

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.database import Database
from pilotlight.adapters.local.files import SqliteFiles
from pilotlight.errors import BodyTooLarge, Unavailable, UnknownFile
from pilotlight.intake.files import Files


@pytest.fixture
def files(tmp_path, clock):
    database = Database(tmp_path / "jobs.db")
    blobs = FolderBlobs(tmp_path / "files", secret=b"x" * 32, clock=clock)
    yield Files(blobs=blobs, store=SqliteFiles(database), clock=clock)
    database.close()


def keep(files, content=b"one\ntwo\n", *, caller="alice", **more):
    return files.keep(content, caller=caller, name="a.jsonl", purpose="batch", **more)


def test_a_kept_file_is_read_as_a_stream_by_its_caller_alone(files):
    kept = keep(files, iter([b"one\n", b"two\n"]))

    assert (kept.size, kept.name, kept.purpose) == (8, "a.jsonl", "batch")
    with files.open(kept.id, caller="alice") as content:
        assert [content.readline(), content.readline()] == [b"one\n", b"two\n"]
    for ask in (files.open, files.find, files.delete):
        with pytest.raises(UnknownFile):
            ask(kept.id, caller="mallory")


def test_a_file_that_is_too_large_leaves_nothing(files):
    with pytest.raises(BodyTooLarge):
        keep(files, iter([b"x" * 100] * 3), max_bytes=200)

    assert files.list_files(caller="alice") == []


def test_a_file_whose_row_cannot_be_written_takes_no_room(files, tmp_path):
    writer = files.store._db._writer
    writer.execute("PRAGMA query_only = 1")  # as on a disk that the file itself has filled
    with pytest.raises(Unavailable):
        keep(files)

    assert not [path for path in (tmp_path / "files" / "objects").rglob("*") if path.is_file()]


def test_an_expired_file_is_unknown_and_its_row_goes_with_the_next_listing(files, clock):
    over = keep(files, expires_at=clock.now() + 60)
    stays = keep(files)
    clock.sleep(60)

    with pytest.raises(UnknownFile):
        files.find(over.id, caller="alice")
    assert [one.id for one in files.list_files(caller="alice")] == [stays.id]
    assert files.store.find(over.id, caller="alice") is None


def test_lists_go_on_behind_an_id_and_keep_to_a_purpose(files, clock):
    kept = []
    for _ in range(5):
        kept.append(keep(files).id)
        clock.sleep(1)
    other = files.keep(b"", caller="alice", name="b", purpose="vision")

    page = files.list_files(caller="alice", purpose="batch", limit=2)
    rest = files.list_files(caller="alice", purpose="batch", after=page[-1].id)
    assert [one.id for one in page + rest] == kept[::-1]
    assert files.list_files(caller="alice", limit=1) == [other]


def test_a_deleted_file_is_gone_with_its_bytes(files):
    kept = keep(files)
    files.delete(kept.id, caller="alice")

    with pytest.raises(UnknownFile):
        files.find(kept.id, caller="alice")
    with pytest.raises(UnknownFile):
        files.blobs.info(kept.key)


def test_the_same_bytes_are_lent_under_the_same_key(files, clock):
    def lend(content, caller="alice"):
        return files.lend(
            io.BytesIO(content), caller=caller, name="a.wav", content_type="audio/wav", keep_s=60
        )

    assert lend(b"sound") == lend(b"sound")
    assert len({lend(b"sound"), lend(b"noise"), lend(b"sound", "mallory")}) == 3
    assert files.blobs.info(lend(b"sound")).expires_at == clock.now() + 60
