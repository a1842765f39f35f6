"""The file of ``--routes``."""

from __future__ import annotations

import pytest

from pilotlight.cli.routes import read_routes
from pilotlight.errors import SettingsError

WRONG = {
    "not TOML": ("[[route", "mine.toml"),
    "a setting more": ("[[route]]\nendpoint='a/b'\nworker='w'\n[other]", "nothing else"),
    "a table instead of a list": ("[route]\nendpoint='a/b'", "nothing else"),
    "no worker": ("[[route]]\nendpoint='a/b'", "route 1: worker: Field required"),
    "a word nobody knows": (
        "[[route]]\nendpoint='a/b'\nworker='w'\n[[route]]\nendpoint='c/d'\nworker='w'\nfix={}",
        "route 2: fix is not known; it takes endpoint, worker, target, rename, fixed",
    ),
    "a word misspelt": ("[[route]]\nendpont='a/b'\nworker='w'", "route 1: endpont is not known"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_file_that_cannot_be_is_refused_with_its_name_and_place(tmp_path, text, said):
    path = tmp_path / "mine.toml"
    path.write_text(text)

    with pytest.raises(SettingsError, match=said) as refused:
        read_routes(path)

    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read_routes(tmp_path / "none.toml")


def test_routes_come_in_their_order_with_renames_and_fixed_values(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "[[route]]\nendpoint='a/b'\nworker='w'\nrename={p='q'}\nfixed={n=1}\n"
        "[[route]]\nendpoint='c/d'\nworker='w'\ntarget='w/two'\n"
    )

    first, second = read_routes(path)

    assert (first.endpoint, first.rename, first.fixed) == ("a/b", {"p": "q"}, {"n": 1})
    assert second.target == "w/two"
