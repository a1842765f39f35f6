"""What steers a deployment, apart from AWS: parameters, kicks, glances."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from pilotlight.adapters.aws.glance import FRESH_S, Glance
from pilotlight.adapters.aws.kick import QUIET_S, Kick
from pilotlight.adapters.aws.parameters import SsmOverrules, overrules
from pilotlight.ports.overrules import Overrule
from pilotlight.scaling.scene import Plan
from pilotlight.scaling.terms import Terms, overruled

WORKERS = {"echo": "echo", "flux_1": "flux.1"}


def test_parameters_say_what_is_overruled_by_worker():
    said = overrules(
        [
            ("echo/min", "1"),
            ("echo/max", " 8 "),
            ("flux_1/paused", "True"),
            ("echo/paused", "false"),
        ],
        WORKERS,
    )
    assert said == {"echo": Overrule(1, 8, paused=False), "flux.1": Overrule(paused=True)}


@pytest.mark.parametrize(
    "parameter",
    [
        ("echo/min", "two"),
        ("echo/min", "-1"),
        ("echo/max", "1.5"),
        ("echo/max", "٣"),
        ("echo/paused", "yes"),
        ("echo/most", "1"),
        ("nobody/min", "1"),
        ("echo", "1"),
        ("echo/min/x", "1"),
    ],
)
def test_what_cannot_be_understood_is_passed_over(parameter):
    assert overrules([parameter, ("flux_1/min", "1")], WORKERS) == {"flux.1": Overrule(1)}


class Ssm:
    """Answers as GetParametersByPath does, two to a page, or not at all."""

    def __init__(self, parameters):
        self.parameters, self.away = parameters, False

    def get_parameters_by_path(self, **asked):
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://ssm")
        assert (asked["Path"], asked["Recursive"]) == ("/pilotlight/prod/workers", True)
        first = int(asked.get("NextToken", "0"))
        rows = [
            {"Name": f"{asked['Path']}/{name}", "Value": value}
            for name, value in self.parameters[first : first + 2]
        ]
        more = {"NextToken": str(first + 2)} if first + 2 < len(self.parameters) else {}
        return {"Parameters": rows, **more}


def test_every_page_is_read_and_what_was_last_known_holds_while_ssm_is_away():
    ssm = Ssm([("echo/min", "1"), ("echo/max", "2"), ("flux.1/max", "3")])
    read = SsmOverrules(ssm, "/pilotlight/prod/workers/", workers=("echo", "flux.1")).read
    assert read() == {"echo": Overrule(1, 2)}  # flux.1 is called flux_1 there
    ssm.away = True
    assert read() == {"echo": Overrule(1, 2)}
    ssm.away, ssm.parameters = False, [("flux_1/max", "3")]
    assert read() == {"flux.1": Overrule(None, 3)}


def test_terms_are_overruled_where_something_is_said():
    class Still:
        name = "still"

        def plan(self, scene):
            return Plan(reason="")

    terms = Terms(worker="echo", policy=Still(), min_replicas=1, max_replicas=4)
    assert overruled(terms, None) is terms
    changed = overruled(terms, Overrule(max_replicas=9))
    assert (changed.min_replicas, changed.max_replicas, changed.paused) == (1, 9, False)
    assert overruled(terms, Overrule(paused=True)).paused


class Lambda:
    def __init__(self):
        self.asked, self.away = [], False

    def invoke(self, **request):
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://lambda")
        assert (request["FunctionName"], request["InvocationType"]) == ("kick", "Event")
        self.asked.append(json.loads(request["Payload"])["worker"])


def test_a_burst_of_submits_is_one_kick_for_each_worker(clock):
    function = Lambda()
    kick = Kick(function, "kick", clock)
    for worker in ("echo", "echo", "flux", "echo"):
        kick.light(worker)
    assert function.asked == ["echo", "flux"]
    clock.sleep(QUIET_S)
    kick.light("echo")
    assert function.asked == ["echo", "flux", "echo"]


def test_a_kick_that_fails_costs_no_submit_and_the_next_one_tries_again(clock):
    function = Lambda()
    kick, function.away = Kick(function, "kick", clock), True
    kick.light("echo")
    function.away = False
    kick.light("echo")
    assert function.asked == ["echo"]


class Fleet:
    def __init__(self):
        self.looks = 0

    def replicas(self):
        self.looks += 1
        return [self.looks]

    def cold_starts(self, worker, *, limit):
        self.looks += 1
        return [worker, limit]

    def start(self, worker, count):
        self.started = (worker, count)

    def retire(self, replica_id):
        return replica_id == "idle"


def test_however_many_show_the_fleet_it_is_looked_at_once_a_second(clock):
    fleet = Fleet()
    glance = Glance(fleet, clock)
    assert [glance.replicas(), glance.replicas()] == [[1], [1]]
    assert glance.cold_starts("echo") == ["echo", 20]
    assert glance.cold_starts("flux") == ["flux", 20]
    clock.sleep(FRESH_S)
    assert glance.replicas() == [4]
    glance.start("echo", 1)
    assert fleet.started == ("echo", 1)
    assert glance.retire("idle")
