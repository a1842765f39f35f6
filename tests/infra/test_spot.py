"""A spot notice is two minutes: what is in the template turns it into a SIGTERM in time."""

from __future__ import annotations

from infra.template.facts import GRACE_S, STOP_TIMEOUT_S
from pilotlight.execution.drain import Drain

NOTICE_S = 120
LATEST_S = 90
"""From the notice until everything is handed back (reliability, section 2.5)."""
HOST_CONFIG = ("ECS_ENABLE_SPOT_INSTANCE_DRAINING=true", f"ECS_CONTAINER_STOP_TIMEOUT={NOTICE_S}s")


def test_every_host_drains_its_tasks_at_the_notice(packaged):
    templates = packaged.of("EC2::LaunchTemplate")
    assert templates
    for name, one in templates.items():
        script = str(one["Properties"]["LaunchTemplateData"]["UserData"])
        assert [line for line in HOST_CONFIG if line not in script] == [], name


class NothingInHand(tuple):
    """A replica without a job, which is all that the times depend on."""

    __slots__ = ()

    def give_notice(self):
        """Nobody is there to hear it."""


def test_a_replica_has_handed_everything_back_by_ninety_seconds():
    drain = Drain(grace_s=GRACE_S)
    drain.step(NothingInHand(), asked=1, now=0.0)

    assert drain.next_step() < GRACE_S <= LATEST_S
    assert STOP_TIMEOUT_S <= NOTICE_S
