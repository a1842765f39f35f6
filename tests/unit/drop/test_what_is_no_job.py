"""Names, marks and links: what a dropped file must not become."""

from __future__ import annotations

import json
import os

import pytest

from tests.unit.drop.house import ECHO


def test_files_that_are_being_written_and_what_lies_aside_are_no_jobs(house):
    for name in (
        ".hidden.json", "a.json.part", "b.json.tmp", "c.json~", "d.json.filepart", "_defaults.json",
        ".stversions/e.json", ".git/config", "~$f.docx", "Thumbs.db", "desktop.ini",
    ):  # fmt: skip
        house.put(f"{ECHO}/{name}")

    house.look(4)

    assert house.jobs() == []
    assert not house.results.exists()


def test_the_mark_that_windows_begins_a_text_with_is_no_part_of_an_input(house):
    house.put(f"{ECHO}/a.json").write_bytes(b'\xef\xbb\xbf{"text": "hi"}')

    house.look()

    assert [json.loads(job.input) for job in house.jobs()] == [{"text": "hi"}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n\n", "the file has no lines"),
        ('{"text": "a"}\n\n[]\n{', "line 3: this line is not a JSON object (and 1 more)"),
        (
            '{"custom_id": "a"}\n{"custom_id": "a"}',
            "line 2: 'a' is the custom_id of an earlier line too",
        ),
    ],
    ids=["blank", "bad lines", "one custom id twice"],
)
def test_a_manifest_that_cannot_be_read_says_where_and_why(house, text, says):
    house.put(f"{ECHO}/m.jsonl").write_text(text)
    house.look()
    house.tend()
    house.look(12)

    said = json.loads((house.results / f"{ECHO}/m.jsonl.error.json").read_text())
    assert said["error"]["message"] == says


HOSTILE = [
    "a..b/x.json", "a b\n\t'\"$(rm -rf ~).json", "%2e%2e%2fetc.json", "ünï☃.json",
    "-rf.json", "x" * 200 + "/" + "y" * 240 + ".json", "con.json", "a;b|c&d.json",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_name(house, name):
    house.put(f"{ECHO}/{name}", {"text": "fine"})
    house.look()

    (job,) = house.jobs()
    house.run(job)
    house.look(1)

    written = [path for path in house.results.rglob("*") if path.is_file()]
    assert [json.loads(path.read_text())["output"] for path in written] == [{"text": "done"}]


def test_a_name_that_is_not_utf_8_is_a_name_too(house):
    folder = house.drop / ECHO
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"\xff\xfe.json")).write_text('{"text": "x"}')

    house.look()
    (job,) = house.jobs()
    house.run(job)
    house.look(1)

    (written,) = (house.results / ECHO).iterdir()
    assert os.fsencode(written.name) == b"\xff\xfe.json.result.json"


def test_links_are_not_followed(house, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"text": "secret"}')
    (house.drop / ECHO).mkdir(parents=True)
    (house.drop / ECHO / "a.json").symlink_to(secret)
    (house.drop / ECHO / "folder").symlink_to(tmp_path)
    os.mkfifo(house.drop / ECHO / "pipe.json")

    house.look(4)
    house.drops.hint([f"{ECHO}/a.json", f"{ECHO}/folder/secret.json", "../secret.json", "\0"])
    house.look(4)

    assert house.jobs() == []
