"""What every drop folder and every ledger of one must do; run against every adapter."""

from __future__ import annotations

import pytest

from pilotlight.adapters.aws.drop import DynamoDropLedger, S3DropFolder
from pilotlight.adapters.local.drop import LocalDropFolder, SqliteDropLedger
from pilotlight.errors import InvalidInput
from pilotlight.ports.drop import Replaced, Taken

KEYS = ("a/b.json", "a/c d+e%2F.jsonl", "ü/☃.png")


class Local:
    def __init__(self, path):
        self.path, self.folder = path, LocalDropFolder(path)

    def put(self, key, content):
        place = self.path / "drop" / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def written(self, name):
        return (self.path / "drop-results" / name).read_bytes()

    def count(self):
        return sum(path.is_file() for path in (self.path / "drop-results").rglob("*"))


class Remote:
    def __init__(self, stage):
        self.stage, self.folder = stage, S3DropFolder(stage.bucket)

    def put(self, key, content):
        bucket = self.stage.bucket
        bucket.s3.put_object(Bucket=bucket.name, Key=f"drop/{key}", Body=content)

    def written(self, name):
        return self.stage.bucket.read(f"drop-results/{name}")

    def count(self):
        return sum(1 for _ in self.stage.bucket.list("drop-results/"))


@pytest.fixture(params=["local", "moto", "ministack"])
def there(request):
    if request.param == "local":
        return Local(request.getfixturevalue("tmp_path"))
    return Remote(request.getfixturevalue(request.param))


@pytest.fixture(params=["sqlite", "moto", "ministack"])
def ledger(request):
    if request.param == "sqlite":
        return SqliteDropLedger(request.getfixturevalue("database"))
    stage = request.getfixturevalue(request.param)
    return DynamoDropLedger(stage.calls, stage.table)


def test_each_object_is_listed_and_found_as_the_same_version(there):
    for key in KEYS:
        there.put(key, key.encode())

    found = {one.key: one for one in there.folder.listing()}

    assert sorted(found) == sorted(KEYS)
    for key, one in found.items():
        assert there.folder.look(key) == one
        assert one.size == len(key.encode())
        assert b"".join(there.folder.read(one)) == key.encode()


def test_what_is_not_there_is_none(there):
    there.put("a/b.json", b"x")

    assert there.folder.look("a/none.json") is None
    assert there.folder.look("a") is None
    assert there.folder.look("") is None


def test_what_a_console_makes_for_a_folder_is_no_object(there):
    """S3 tells of it as of any other: an empty object whose key ends in a slash."""
    if there.folder.whole:
        for key in ("", "a/", "a/b/"):
            there.put(key, b"")
    there.put("a/b/c.json", b"x")

    assert [one.key for one in there.folder.listing()] == ["a/b/c.json"]
    assert [there.folder.look(key) for key in ("", "a/", "a/b/")] == [None, None, None]


def test_another_content_is_another_version_and_the_old_one_cannot_be_read(there):
    there.put("a.json", b"old")
    old = there.folder.look("a.json")

    there.put("a.json", b"newer")

    assert there.folder.look("a.json") != old
    with pytest.raises(Replaced):
        list(there.folder.read(old))


def test_what_lies_in_an_archive_is_refused_in_words(moto):
    """Else each message about it would come again until it is a dead letter."""
    bucket, folder = moto.bucket, S3DropFolder(moto.bucket)
    bucket.s3.put_object(Bucket=bucket.name, Key="drop/a.json", Body=b"{}", StorageClass="GLACIER")

    with pytest.raises(InvalidInput, match="restore it, or put it again"):
        list(folder.read(folder.look("a.json")))


def test_a_result_is_written_over_and_taken_away(there):
    there.folder.write("a/b.json.result.json", [b"on", b"e"])
    there.folder.write("a/b.json.result.json", [b"two"])
    assert there.written("a/b.json.result.json") == b"two"

    there.folder.remove("a/b.json.result.json")
    there.folder.remove("a/b.json.result.json")

    assert there.count() == 0


def test_two_long_names_that_differ_have_two_results(there):
    """Longer with our ending than a file system or S3 takes."""
    folders = 4 if there.folder.whole else 1
    for last in ("a", "b"):
        key = "/".join(["x" * 250] * folders + ["y" * 250 + last])
        there.folder.write(f"{key}.result.json", [last.encode()])

    assert there.count() == 2


def test_what_was_taken_stays_known_and_is_pending_until_it_is_settled(ledger):
    first, second = Taken("1" * 64, "a.json", "job-1"), Taken("2" * 64, "b.json", "job-2")
    ledger.add([first, second, Taken("3" * 64, "c.json", None, pending=False)])
    ledger.add([Taken("1" * 64, "a.json", "another job")])

    assert ledger.known(["1" * 64, "3" * 64, "4" * 64]) == {"1" * 64, "3" * 64}
    assert ledger.pending(limit=10) == [first, second]
    assert ledger.pending(limit=1) == [first]
    assert ledger.counts() == (3, 2)

    ledger.settle(first)
    ledger.settle(first)

    assert ledger.pending(limit=10) == [second]
    assert ledger.counts() == (3, 1)
    assert ledger.known([first.id]) == {first.id}


@pytest.mark.parametrize("account", ["moto", "ministack"])
def test_of_many_that_are_pending_each_is_shown_in_its_turn(request, account):
    """On AWS there is no limit to them: a function takes what is dropped, and upkeep writes results."""
    stage = request.getfixturevalue(account)
    ledger = DynamoDropLedger(stage.calls, stage.table)
    some = [Taken(f"{9 - number}" * 64, f"{number}.json", f"job-{number}") for number in range(7)]
    ledger.add(some)

    assert ledger.pending(limit=3) == some[:3]
    assert ledger.pending(limit=3) == some[3:6]
    assert ledger.pending(limit=3) == [some[6], *some[:2]]
    ledger.settle(some[2])
    assert ledger.pending(limit=10) == [*some[:2], *some[3:]]
    assert ledger.counts() == (7, 6)


def test_the_newest_version_of_an_object_is_the_one_taken_last(ledger):
    assert ledger.newest("a.json") is None

    ledger.add([Taken("9" * 64, "a.json", "job-1")])
    ledger.add([Taken("1" * 64, "a.json", "job-2")])

    assert ledger.newest("a.json") == "1" * 64


def test_many_are_looked_up_at_once(ledger):
    ids = [f"{number:064d}" for number in range(230)]
    ledger.add([Taken(own_id, own_id, None, pending=False) for own_id in ids[::10]])

    assert ledger.known(ids) == set(ids[::10])
