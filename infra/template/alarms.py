"""Alarms: few, each with one thing to do, and each with its part of RUNBOOK.md.

An alarm costs ten US cents a month for every metric in it, so what is asked of all workers
together has one alarm, and a worker's own are those that say which one to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.template.alarm import STAGE, Alarm, Expression, Metric
from infra.template.words import Value, att, ref

if TYPE_CHECKING:
    from infra.template.facts import Facts, Fleet

OLDEST_S: Final = 900
"""A cold GPU takes 5 to 12 minutes from nothing; who waits longer waits for something broken."""


def of_worker(worker: Facts) -> dict[str, Value]:
    """What to look at for this worker's jobs alone."""
    own = {"Oldest": _oldest(worker), "Letters": _letters(worker), "Error": _error_rate(worker)}
    return {f"{worker.logical}{name}Alarm": one.resource() for name, one in own.items()}


def of_fleet(fleet: Fleet) -> dict[str, Value]:
    """What to look at for these replicas."""
    load = Alarm(
        name=f"{fleet.part}-load-failures",
        section="load-failures",
        says=f"replicas of {fleet.name} do not start or do not load",
        of=Metric(name="LoadFailures", where=of_worker_named(fleet.name), stat="Sum"),
        threshold=2,
        periods=1,
        period_s=600,
        owner=fleet.name,
    )
    return {f"{fleet.logical}LoadAlarm": load.resource()}


def of_stage() -> dict[str, Value]:
    """What concerns all workers, or none of them."""
    found = {
        "UpkeepAlarm": _stages(
            "upkeep-silent",
            "upkeep has not looked for five minutes: nothing scales, nothing is taken back",
            of=Metric(name="Looks", stat="Sum"),
            threshold=1,
            periods=5,
            silent=True,
        ),
        "OverdueAlarm": _stages(
            "overdue-leases",
            "leases are over and nobody takes the jobs back",
            of=Metric(name="OverdueLeases"),
            threshold=1,
            periods=5,
        ),
        "WebhookAlarm": _stages(
            "webhooks-late",
            "a webhook that is due has not been tried for five minutes",
            of=Metric(name="WebhookOverdueSeconds"),
            threshold=300,
            periods=3,
        ),
        "WebhookFailureAlarm": _stages(
            "webhooks-failing",
            "receivers refuse webhooks or do not answer",
            of=Metric(name="WebhooksFailing"),
            threshold=20,
            periods=15,
        ),
        "DropAlarm": _stages(
            "drop-late",
            "messages about dropped objects wait for fifteen minutes: nobody reads them",
            of=of_queue("DropQueue", "ApproximateAgeOfOldestMessage"),
            threshold=900,
            periods=3,
        ),
        "DropLettersAlarm": _stages(
            "drop-dead-letters",
            "messages about dropped objects were given up",
            of=of_queue("DropLetters", "ApproximateNumberOfMessagesVisible"),
            threshold=1,
            periods=1,
        ),
        "IngressAlarm": _stages(
            "ingress-errors",
            "the ingress itself fails: callers get 5xx",
            of=_ingress("Errors"),
            threshold=5,
            periods=3,
        ),
        "AnswersAlarm": _stages(
            "ingress-answers",
            "the ingress answers with 5xx: it runs, and what it needs does not",
            of=_ingress("Url5xxCount"),
            threshold=5,
            periods=5,
        ),
        "ThrottleAlarm": _stages(
            "ingress-throttled",
            "Lambda turns callers away: its concurrency is used up",
            of=_ingress("Throttles"),
            threshold=1,
            periods=3,
        ),
    }
    return {logical: one.resource() for logical, one in found.items()}


def of_worker_named(name: str) -> list[Value]:
    """Dimensions of a worker's figures, or of a pool's."""
    return [STAGE, {"Name": "Worker", "Value": name}]


def of_queue(logical: str, metric: str) -> Metric:
    where = [{"Name": "QueueName", "Value": att(logical, "QueueName")}]
    return Metric(name=metric, where=where, namespace="AWS/SQS")


def _stages(name: str, says: str, **more: Any) -> Alarm:
    """Its part of the runbook is called as it is."""
    return Alarm(name=name, section=name, says=says, **more)


def _ingress(metric: str) -> Metric:
    """Lambda counts requests to a function's URL under its name too, by the status they got."""
    where = [{"Name": "FunctionName", "Value": ref("IngressLambdaFunction")}]
    return Metric(name=metric, where=where, stat="Sum", namespace="AWS/Lambda")


def _oldest(worker: Facts) -> Alarm:
    """Behind others a job may wait as long as these run; behind nobody no longer than a cold GPU
    takes. Replicas of a pool are counted under its name."""
    behind_s = max(OLDEST_S, 3 * worker.spec.timeout_s)
    hosts = of_worker_named(worker.spec.pool or worker.name)
    waits = Expression(
        of={
            "oldest": Metric(name="OldestQueuedSeconds", where=of_worker_named(worker.name)),
            "ready": Metric(name="Ready", where=hosts),
        },
        id="waits",
        text=f"IF(FILL(ready, 0) < 1 OR oldest >= {behind_s:g}, oldest, 0)",
        label="waits, seconds",
    )
    return Alarm(
        name=f"{worker.part}-oldest-queued",
        section="oldest-queued",
        says=f"a job of {worker.name} has waited for {OLDEST_S / 60:g} minutes and nothing is there "
        f"to run it, or for {behind_s / 60:g} minutes behind others",
        of=waits,
        threshold=OLDEST_S,
        periods=3,
        owner=worker.name,
    )


def _letters(worker: Facts) -> Alarm:
    """Those that somebody holds too: one that is read each time and never settled is visible for
    a moment only."""
    letters = f"{worker.logical}Letters"
    there = Expression(
        of={
            "visible": of_queue(letters, "ApproximateNumberOfMessagesVisible"),
            "held": of_queue(letters, "ApproximateNumberOfMessagesNotVisible"),
        },
        id="there",
        text="visible + held",
        label="dead letters",
    )
    return Alarm(
        name=f"{worker.part}-dead-letters",
        section="dead-letters",
        says=f"messages of {worker.name} have been dead letters for 15 minutes: nobody reads them, "
        "or whoever does cannot settle them",
        of=there,
        threshold=1,
        periods=15,
        owner=worker.name,
    )


def _error_rate(worker: Facts) -> Alarm:
    """Of ten jobs and more: one failed job at night wakes nobody."""
    where = of_worker_named(worker.name)
    rate = Expression(
        of={
            "failed": Metric(name="Failed", where=where, stat="Sum"),
            "succeeded": Metric(name="Succeeded", where=where, stat="Sum"),
        },
        id="rate",
        text="IF(failed + succeeded >= 10, 100 * failed / (failed + succeeded), 0)",
        label="failed, percent",
    )
    return Alarm(
        name=f"{worker.part}-error-rate",
        section="error-rate",
        says=f"more than a fifth of the jobs of {worker.name} fail",
        of=rate,
        threshold=20,
        periods=1,
        period_s=900,
        owner=worker.name,
    )
