"""The blob suite on every adapter, and what only the folder promises."""

from __future__ import annotations

import errno
import threading

import pytest

from pilotlight.adapters.local.blobs import FolderBlobs
from pilotlight.adapters.local.clock import ManualClock
from pilotlight.errors import Unavailable
from tests.contract.blobs_suite import BlobsSuite, plain, read, start


class TestFolderBlobs(BlobsSuite):
    @pytest.fixture
    def clock(self):
        return ManualClock()

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "blobs"

    @pytest.fixture
    def blobs(self, folder, clock):
        return FolderBlobs(folder, secret=b"s" * 32, clock=clock)

    def test_nothing_is_ever_written_outside_the_folder(self, blobs, folder, tmp_path):
        plain(blobs, "../../escape")
        plain(blobs, "/abs")

        assert [path.name for path in tmp_path.iterdir()] == ["blobs"]
        assert sum(path.is_file() for path in (folder / "objects").rglob("*")) == 4

    def test_a_replaced_object_leaves_no_second_content(self, blobs, folder):
        for number in range(5):
            plain(blobs, "k", b"version %d" % number)

        assert sum(path.is_file() for path in (folder / "objects").rglob("*")) == 2
        assert not list((folder / "drafts").iterdir())

    def test_another_process_sees_the_same_blobs(self, blobs, folder, clock):
        plain(blobs, "k")
        other = FolderBlobs(folder, secret=b"s" * 32, clock=clock)

        assert read(other, "k") == b"hello"
        assert other.own_key(blobs.get_url("k", base_url="http://a", expires_at=None)) == "k"

    def test_a_grant_of_another_deployment_is_refused(self, blobs, tmp_path, clock):
        plain(blobs, "k")
        foreign = FolderBlobs(tmp_path / "b", secret=b"t" * 32, clock=clock)
        url = foreign.get_url("k", base_url="http://a", expires_at=None)

        with pytest.raises(Exception, match="no such file"):
            blobs.own_key(url)

    def test_a_full_disk_is_trouble_that_may_pass(self, blobs, folder, monkeypatch):
        def full(_descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as disk:
            disk.setattr("os.fsync", full)
            with pytest.raises(Unavailable, match="No space"):
                plain(blobs, "k")

        assert not list((folder / "drafts").iterdir())
        plain(blobs, "k")
        assert read(blobs, "k") == b"hello"

    def test_what_a_file_manager_leaves_behind_keeps_nothing_from_being_swept(
        self, blobs, folder, clock
    ):
        for name in ("expiring", "drafts", "uploads"):
            (folder / name / ".DS_Store").write_bytes(b"of a file manager")
        plain(blobs, "k", expires_at=clock.now() + 10)
        clock.sleep(3 * 24 * 3600)

        assert blobs.sweep(now=clock.now()) == 1
        assert (folder / "uploads" / ".DS_Store").exists()

    def test_many_writers_of_one_key_leave_one_whole_object(self, blobs, folder):
        begin = threading.Barrier(8)

        def write(number):
            begin.wait()
            for _ in range(5):
                plain(blobs, "k", bytes([65 + number]) * 10_000)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(set(read(blobs, "k"))) == 1
        assert sum(path.is_file() for path in (folder / "objects").rglob("*")) == 2

    def test_a_draft_that_a_killed_process_left_is_swept_after_a_day(self, blobs, folder, clock):
        (folder / "drafts" / f"{int(clock.now())}-dead").write_bytes(b"half")
        clock.sleep(24 * 3600)

        assert blobs.sweep(now=clock.now()) == 1
        assert not list((folder / "drafts").iterdir())

    def test_a_finished_upload_leaves_nothing_in_the_upload_folder(self, blobs, folder):
        upload = start(blobs)
        blobs.finish_parts("k", upload, [blobs.put_part("k", upload, 1, [b"x"])])

        assert not list((folder / "uploads").iterdir())

    def test_contents_are_the_owners_alone(self, blobs, folder):
        plain(blobs, "k")

        assert (folder / "objects").stat().st_mode & 0o077 == 0
