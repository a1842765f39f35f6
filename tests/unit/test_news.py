"""What a replica tells the followers of its jobs, and when."""

from __future__ import annotations

import pytest

from pilotlight.execution.news import BEGUN_S, News


class Told:
    """An announcer whose words are kept."""

    def __init__(self):
        self.news = []

    def changed(self, job_ids):
        self.news.append(sorted(job_ids))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def news(told):
    return News(told)


def test_a_job_that_ends_at_once_makes_one_piece_of_news(news, told):
    news.add({"a"}, begun={"a"}, now=100)
    news.tell(100)
    assert told.news == []

    news.add({"a"}, begun=set(), now=100.001)
    news.tell(100.001)

    assert told.news == [["a"]]
    assert news.due_at == float("inf")


def test_a_job_that_takes_its_time_is_told_to_have_begun(news, told):
    news.add({"a"}, begun={"a"}, now=100)
    assert news.due_at == 100 + BEGUN_S

    news.tell(news.due_at)

    assert told.news == [["a"]]


def test_the_end_of_one_takes_the_beginning_of_another_along(news, told):
    news.add({"a", "b"}, begun={"b"}, now=100)
    news.tell(100)

    assert told.news == [["a", "b"]]


def test_more_that_begin_do_not_put_the_first_off(news, told):
    news.add({"a"}, begun={"a"}, now=100)
    news.add({"b"}, begun={"b"}, now=100 + BEGUN_S / 2)

    news.tell(100 + BEGUN_S)

    assert told.news == [["a", "b"]]


def test_where_nothing_changed_there_is_no_news(news, told):
    news.add(set(), begun=set(), now=100)
    news.tell(10**6)

    assert told.news == []
