"""Who hears the parent's words in a child, while one thread works and another listens."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from pilotlight.contracts import events
from pilotlight.execution.child_ear import Ear
from pilotlight.execution.framing import ChildEnd

MANY = 3_000
SOON_S = 30


def said(number: int) -> bytes:
    return events.encode(events.Cancel(str(number))) + b"\n"


class House:
    """A parent's socket, a child's ear, and the control thread that listens with it."""

    def __init__(self):
        self.parent, end = socket.socketpair()
        self.heard_by = []
        self.ear = Ear(ChildEnd(end), self.heed)
        self._end = end
        self._over = threading.Event()
        self._control = threading.Thread(target=self._listen, name="control")

    def heed(self, event):
        self.heard_by.append(threading.current_thread().name)
        self.ear.put(event.job_id)

    def _listen(self):
        with contextlib.suppress(OSError, EOFError):
            while not self._over.is_set():
                self.ear.listen(0.05)

    def __enter__(self):
        self._control.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.parent.close()
        self._control.join(SOON_S)
        self._end.close()
        assert not self._control.is_alive()


@pytest.fixture
def house():
    with House() as made:
        yield made


def in_thread(work):
    """What it returns, in the end."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work()), name="slot")
    thread.start()
    thread.join(SOON_S)
    return answers


def test_the_thread_that_waits_for_work_hears_of_it_itself(house):
    house.parent.sendall(said(1))

    assert in_thread(house.ear.wait) == ["1"]


def test_the_control_thread_hears_what_comes_while_the_only_slot_works(house):
    heard = threading.Event()
    work_begins = threading.Event()
    slot = threading.Thread(target=lambda: (house.ear.wait(), work_begins.set()), name="slot")
    slot.start()
    house.parent.sendall(said(1))
    assert work_begins.wait(SOON_S)

    house.parent.sendall(said(2))

    def second():
        assert house.ear.take() == "2"
        heard.set()

    threading.Thread(target=second, daemon=True).start()
    assert heard.wait(SOON_S)
    assert house.heard_by[-1] == "control"
    slot.join(SOON_S)


def test_no_word_is_lost_or_doubled_or_out_of_order_between_the_two(house):
    done = []

    def speak():
        for number in range(MANY):
            house.parent.sendall(said(number))
            while number % 7 == 0 and len(done) < number - 3:
                pass  # at times the slot has nothing to do

    threading.Thread(target=speak, daemon=True).start()

    def work():
        while len(done) < MANY:
            done.append(int(house.ear.wait()))

    in_thread(work)

    assert done == list(range(MANY))


def test_the_end_of_the_parent_ends_a_wait(house):
    house.parent.close()

    def wait():
        with pytest.raises((EOFError, OSError)):
            house.ear.wait()
        return "over"

    assert in_thread(wait) == ["over"]


def test_several_slots_share_what_the_control_thread_hears(house):
    answers = []
    slots = [
        threading.Thread(target=lambda: answers.append(house.ear.take()), name=f"slot-{n}")
        for n in range(3)
    ]
    for slot in slots:
        slot.start()
    house.parent.sendall(said(1) + said(2) + said(3))
    for slot in slots:
        slot.join(SOON_S)

    assert sorted(answers) == ["1", "2", "3"]
    assert set(house.heard_by) == {"control"}
