"""What every blob store must do: adapters inherit :class:`BlobsSuite` and give it a store.

A subclass has two fixtures: ``clock`` (a ManualClock) and ``blobs``.
"""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

import pytest

from pilotlight.errors import BodyTooLarge, InvalidInput, UnknownFile
from pilotlight.ports.blobs import Part

BASE = "https://gpu.example.org"
HOSTILE_KEYS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../b",
    "..",
    ".",
    "nul\0byte",
    "line\nbreak",
    "sp ace/%2e%2e/%00",
    "ünïcode/\N{SNOWMAN}",
    "x" * 900,
    "CON",
    "a//b",
    "trailing/",
]


def plain(store, key, data=b"hello", **more):
    return store.put(key, data, content_type="text/plain", file_name="a.txt", **more)


def read(store, key):
    with store.open(key) as file:
        return file.read()


class BlobsSuite:
    def test_a_blob_comes_back_with_its_facts(self, blobs):
        info = plain(blobs, "results/1/a.txt")

        assert read(blobs, "results/1/a.txt") == b"hello"
        assert blobs.info("results/1/a.txt") == info
        assert (info.size, info.sha256) == (5, hashlib.sha256(b"hello").hexdigest())
        assert (info.content_type, info.file_name) == ("text/plain", "a.txt")

    def test_a_file_and_a_stream_of_chunks_are_stored_like_bytes(self, blobs, tmp_path):
        source = tmp_path / "source.bin"
        source.write_bytes(b"from a file")

        plain(blobs, "a", source)
        plain(blobs, "b", iter([b"from ", b"", b"chunks"]))

        assert read(blobs, "a") == b"from a file"
        assert source.exists()
        assert read(blobs, "b") == b"from chunks"

    @pytest.mark.parametrize("ask", ["info", "open"])
    def test_a_missing_key_is_an_unknown_file(self, blobs, ask):
        with pytest.raises(UnknownFile):
            getattr(blobs, ask)("never/was")

    def test_a_second_put_replaces_the_first_as_a_whole(self, blobs):
        plain(blobs, "k", b"old and longer", expires_at=None)
        plain(blobs, "k", b"new")

        assert read(blobs, "k") == b"new"
        assert blobs.info("k").size == 3

    def test_a_reader_keeps_what_it_opened_when_the_key_is_replaced(self, blobs):
        plain(blobs, "k", b"old")
        with blobs.open("k") as file:
            plain(blobs, "k", b"new")
            assert file.read() == b"old"

    def test_too_many_bytes_leave_nothing_behind(self, blobs):
        with pytest.raises(BodyTooLarge):
            plain(blobs, "k", iter([b"12345", b"67890"]), max_bytes=9)

        with pytest.raises(UnknownFile):
            blobs.info("k")

    def test_exactly_the_limit_is_kept(self, blobs):
        assert plain(blobs, "k", b"123456789", max_bytes=9).size == 9

    def test_a_stream_that_breaks_leaves_nothing_behind(self, blobs):
        def broken():
            yield b"some"
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError):
            plain(blobs, "k", broken())
        with pytest.raises(UnknownFile):
            blobs.info("k")

    def test_a_deleted_key_is_gone_and_may_be_deleted_again(self, blobs):
        plain(blobs, "k")
        blobs.delete("k")
        blobs.delete("k")

        with pytest.raises(UnknownFile):
            blobs.open("k")

    @pytest.mark.parametrize("key", HOSTILE_KEYS, ids=repr)
    def test_a_hostile_key_is_only_a_name(self, blobs, tmp_path, key):
        plain(blobs, key, b"contained")

        assert read(blobs, key) == b"contained"
        assert blobs.info(key).key == key

    def test_a_local_copy_can_be_read_and_keeps_the_ending_of_the_name(self, blobs, tmp_path):
        blobs.put("k", b"pixels", content_type="image/png", file_name="../cat.png")
        path = blobs.local_copy("k", tmp_path)

        assert path.read_bytes() == b"pixels"
        assert path.parent == tmp_path
        assert path.suffix == ".png"
        assert blobs.local_copy("k", tmp_path).read_bytes() == b"pixels"

    def test_a_local_copy_outlives_the_blob(self, blobs, tmp_path):
        plain(blobs, "k", b"input")
        path = blobs.local_copy("k", tmp_path)
        blobs.delete("k")

        assert path.read_bytes() == b"input"

    def test_an_expired_blob_is_unknown_even_before_it_is_swept(self, blobs, clock):
        plain(blobs, "k", expires_at=clock.now() + 60)
        clock.sleep(60)

        with pytest.raises(UnknownFile):
            blobs.info("k")

    def test_the_sweep_deletes_what_has_expired_and_nothing_else(self, blobs, clock):
        plain(blobs, "short", expires_at=clock.now() + 60)
        plain(blobs, "long", expires_at=clock.now() + 600)
        plain(blobs, "for-ever")
        clock.sleep(61)

        assert blobs.sweep(now=clock.now()) == 1
        assert blobs.sweep(now=clock.now()) == 0
        assert read(blobs, "long") == read(blobs, "for-ever") == b"hello"

    def test_a_blob_that_was_put_again_lives_as_long_as_the_newest_put_says(self, blobs, clock):
        plain(blobs, "k", expires_at=clock.now() + 60)
        plain(blobs, "k", expires_at=clock.now() + 600)
        clock.sleep(61)

        assert blobs.sweep(now=clock.now()) == 0
        assert read(blobs, "k") == b"hello"

    def test_a_url_for_reading_names_the_key_to_us_on_any_host(self, blobs):
        plain(blobs, "results/1/ü b.txt")
        url = blobs.get_url("results/1/ü b.txt", base_url=BASE, expires_at=None)
        elsewhere = "http://127.0.0.1:8000/cdn" + urlsplit(url).path

        assert url.startswith(BASE + "/files/")
        assert blobs.own_key(url) == blobs.own_key(elsewhere) == "results/1/ü b.txt"
        assert blobs.own_key("https://elsewhere.example/files/cat.png") is None

    def test_a_url_ends_when_it_should(self, blobs, clock):
        plain(blobs, "k")
        url = blobs.get_url("k", base_url=BASE, expires_at=clock.now() + 60)
        clock.sleep(61)

        with pytest.raises(UnknownFile):
            blobs.own_key(url)

    def test_a_grant_is_for_one_key_and_one_verb(self, blobs, clock):
        get = grant_of(blobs.get_url("k", base_url=BASE, expires_at=None))
        put = grant_of(blobs.put_url("k", base_url=BASE, expires_at=clock.now() + 60))

        assert not blobs.admitted(get, "k").write
        assert blobs.admitted(put, "k").write
        for grant in (get, put):
            with pytest.raises(UnknownFile):
                blobs.admitted(grant, "other")

    def test_a_grant_for_writing_remembers_how_long_the_object_is_kept(self, blobs, clock):
        until = clock.now() + 3600
        url = blobs.put_url(
            "k", base_url=BASE, expires_at=clock.now() + 60, object_expires_at=until
        )

        assert blobs.admitted(grant_of(url), "k").object_expires_at == until

    def test_a_changed_grant_is_refused(self, blobs, clock):
        grant = grant_of(blobs.put_url("k", base_url=BASE, expires_at=clock.now() + 60))
        forged = [
            grant.replace("p", "g", 1),
            grant.replace("1", "2", 1),
            grant[:-1] + ("A" if grant[-1] != "A" else "B"),
            grant[1:],
            "",
            "g..AAAAAAAAAAAAAAAAAAAAAA",
            "p9999999999..é",
        ]
        for text in forged:
            with pytest.raises(UnknownFile):
                blobs.admitted(text, "k")

    def test_parts_are_joined_by_number_whatever_their_order(self, blobs):
        upload = start(blobs)
        second = blobs.put_part("k", upload, 2, [b"world"])
        first = blobs.put_part("k", upload, 1, [b"hello ", b"big "])
        info = blobs.finish_parts("k", upload, [second, first])

        assert read(blobs, "k") == b"hello big world"
        assert info == blobs.info("k")
        assert (info.file_name, info.content_type) == ("big.bin", "video/mp4")

    def test_a_part_that_is_sent_again_replaces_the_first(self, blobs):
        upload = start(blobs)
        blobs.put_part("k", upload, 1, [b"broken"])
        again = blobs.put_part("k", upload, 1, [b"whole"])

        assert blobs.finish_parts("k", upload, [again]).size == 5

    @pytest.mark.parametrize(
        "parts",
        [
            pytest.param([], id="none"),
            pytest.param([Part(2, "ab")], id="never sent"),
            pytest.param([Part(1, "../../upload")], id="hostile etag"),
            pytest.param([Part(10**9, "ab")], id="huge number"),
        ],
    )
    def test_a_list_of_parts_that_is_not_right_is_refused_and_may_be_corrected(self, blobs, parts):
        upload = start(blobs)
        good = blobs.put_part("k", upload, 1, [b"x"])
        with pytest.raises(InvalidInput):
            blobs.finish_parts("k", upload, parts)
        with pytest.raises(InvalidInput):
            blobs.finish_parts("k", upload, [good, good])

        assert blobs.finish_parts("k", upload, [good]).size == 1

    def test_finishing_twice_gives_the_same_answer(self, blobs):
        upload = start(blobs)
        part = blobs.put_part("k", upload, 1, [b"x"])

        first = blobs.finish_parts("k", upload, [part])
        assert blobs.finish_parts("k", upload, [part]) == first

    def test_an_upload_belongs_to_one_key(self, blobs):
        upload = start(blobs)
        for key, upload_id in [("other", upload), ("k", "0" * 32), ("k", "../objects")]:
            with pytest.raises(UnknownFile):
                blobs.put_part(key, upload_id, 1, [b"x"])
        with pytest.raises(UnknownFile):
            blobs.finish_parts("never", "../objects", [])

    @pytest.mark.parametrize("number", [0, -1, 10_001])
    def test_a_part_number_out_of_range_is_refused(self, blobs, number):
        with pytest.raises(InvalidInput):
            blobs.put_part("k", start(blobs), number, [b"x"])

    def test_all_parts_together_stay_below_the_limit(self, blobs):
        upload = start(blobs, max_bytes=10)
        blobs.put_part("k", upload, 1, [b"123456"])
        with pytest.raises(BodyTooLarge):
            blobs.put_part("k", upload, 2, [b"123456"])

        assert blobs.put_part("k", upload, 1, [b"1234567890"]).number == 1

    def test_an_upload_that_nobody_finished_is_swept_after_a_day(self, blobs, clock):
        old = start(blobs)
        clock.sleep(12 * 3600)
        young = start(blobs)
        clock.sleep(12 * 3600)

        assert blobs.sweep(now=clock.now()) == 1
        with pytest.raises(UnknownFile):
            blobs.put_part("k", old, 1, [b"x"])
        assert blobs.put_part("k", young, 1, [b"x"]).number == 1

    def test_what_parts_made_expires_like_any_blob(self, blobs, clock):
        upload = start(blobs, expires_at=clock.now() + 60)
        blobs.finish_parts("k", upload, [blobs.put_part("k", upload, 1, [b"x"])])
        clock.sleep(61)

        assert blobs.sweep(now=clock.now()) == 1


def start(blobs, **more):
    facts = {"content_type": "video/mp4", "file_name": "big.bin", "expires_at": None, **more}
    return blobs.start_parts("k", **facts)


def grant_of(url):
    return urlsplit(url).path.split("/")[2]
