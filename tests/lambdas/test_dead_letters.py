"""What SQS gave up on, as its event source hands it over."""

from __future__ import annotations

import copy
import json

from handlers import aws_lambda
from pilotlight.adapters.aws import wire
from pilotlight.contracts.job import JobStatus
from pilotlight.contracts.message import JobMessage
from tests.lambdas.conftest import WORKER, Context, event


def letters(*bodies, sent_at=1795168800123):
    template = event("dead_letters")["Records"][0]
    records = []
    for number, body in enumerate(bodies):
        made = copy.deepcopy(template)
        made |= {"messageId": f"letter-{number}", "body": body}
        made["attributes"]["SentTimestamp"] = str(sent_at)
        records.append(made)
    return {"Records": records}


def about(job_id):
    return wire.encode(JobMessage(job_id=job_id, worker=WORKER))


def test_each_letter_meets_its_fate_and_only_the_young_one_comes_again(stack, capsys):
    rig = stack.rig
    spent = rig.submit({"text": "hi"}, send=False, attempts=4, webhook="http://127.0.0.1:9/x")
    waits = rig.submit({"text": "hi"}, send=False)
    young = int(rig.clock.now() * 1000)
    event_of = letters(about(spent), about(waits), "not a message", about("nobody"), sent_at=young)

    answer = aws_lambda.dead_letters(event_of, Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "letter-3"}]}
    assert rig.job(spent).status is JobStatus.FAILED
    assert rig.job(spent).webhook_due is not None
    assert rig.job(waits).due_at <= rig.clock.now()
    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    assert (line["DeadLetters"], line["Stage"]) == (3, "prod")


def test_an_old_letter_without_a_row_is_forgotten(stack):
    old = int((stack.rig.clock.now() - 10_000) * 1000)
    answer = aws_lambda.dead_letters(letters(about("nobody"), sent_at=old), Context())
    assert answer == {"batchItemFailures": []}
