"""What ECS and its agent do for a service's tasks, where there is no Docker.

The emulator makes a task when a service should have one; here its container becomes a process:
the image's entry point, the command and the environment of the task definition as it was deployed.
Only what names a place in the container is replaced by a folder of this machine.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from infra.template.engines import ROOT
from infra.template.environment import DATA, WEIGHTS

if TYPE_CHECKING:
    from pathlib import Path

    from infra.emulated.server import Emulator

_KILL_S: Final = 30.0


class Host:
    """Tasks of one cluster. Use as a context: every process ends with it."""

    def __init__(self, emulator: Emulator, cluster: str, folder: Path) -> None:
        self._emulator, self._cluster, self._folder = emulator, cluster, folder
        self._ecs = emulator.client("ecs")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """By task."""
        self.protected: list[bool] = []
        """What replicas asked of the agent, in order."""
        self._keys: dict[str, dict[str, str]] = {}
        self._agent = _agent(self)
        self.has_machines = threading.Event()
        """Clear it, and tasks wait as they do while EC2 has no GPU to give."""
        self.has_machines.set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._agent.serve_forever, daemon=True).start()
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._thread.join()
        self.stop()
        self._agent.shutdown()
        self._agent.server_close()

    def stop(self) -> list[int]:
        """SIGTERM to every container, as ECS does; their exit codes."""
        for process in self.processes.values():
            process.terminate()
        codes = []
        for process in self.processes.values():
            try:
                codes.append(process.wait(_KILL_S))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        return codes

    def logs(self) -> list[Path]:
        """What each container said."""
        return sorted(self._folder.glob("*/container.log"))

    def _live(self) -> None:
        while not self._over.wait(0.2):
            if not self.has_machines.is_set():
                continue
            for task in self._wanted():
                if task["taskArn"] not in self.processes:
                    self._start(task)

    def _wanted(self) -> list[dict[str, Any]]:
        found = []
        pages = self._ecs.get_paginator("list_tasks").paginate(cluster=self._cluster)
        for page in pages:
            if page["taskArns"]:
                answer = self._ecs.describe_tasks(cluster=self._cluster, tasks=page["taskArns"])
                found += [one for one in answer["tasks"] if one["lastStatus"] == "RUNNING"]
        return found

    def _start(self, task: dict[str, Any]) -> None:
        definition = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        (container,) = definition["taskDefinition"]["containerDefinitions"]
        token = task["taskArn"].rpartition("/")[2]
        place = self._folder / token
        place.mkdir()
        with (place / "container.log").open("wb") as log:
            self.processes[task["taskArn"]] = subprocess.Popen(  # noqa: S603 - our own entry point
                [*entry_point(), *container["command"]],
                cwd=ROOT,
                env=self._environment(definition["taskDefinition"], token, place),
                stdout=log,
                stderr=log,
            )

    def credentials(self, role: str) -> dict[str, str]:
        """What the agent would hand out for the task's role. Only ECS may assume it, so a user is
        given the very same policies."""
        iam, user = self._emulator.client("iam"), f"task-{role}"
        if user not in self._keys:
            iam.create_user(UserName=user)
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                iam.put_user_policy(
                    UserName=user, PolicyName=name, PolicyDocument=json.dumps(policy)
                )
            self._keys[user] = iam.create_access_key(UserName=user)["AccessKey"]
        key = self._keys[user]
        return {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    def _environment(self, definition: dict[str, Any], token: str, place: Path) -> dict[str, str]:
        (container,) = definition["containerDefinitions"]
        given = {one["name"]: one["value"] for one in container["environment"]}
        given |= self._emulator.environment()
        own = f"https://sqs.{given['PILOTLIGHT_AWS__REGION']}.amazonaws.com"
        here = {
            DATA: str(place / "data"),
            WEIGHTS: str(self._folder / "weights"),
            own: self._emulator.url,
        }
        for name, value in given.items():
            for there, path in here.items():
                if value.startswith(there):
                    given[name] = path + value.removeprefix(there)
        uri = f"http://127.0.0.1:{self._agent.server_address[1]}/{token}"
        agent = {"ECS_AGENT_URI": uri, "ECS_CONTAINER_METADATA_URI_V4": uri}
        role = self.credentials(definition["taskRoleArn"].rpartition("/")[2])
        return {"PATH": os.defpath} | given | agent | role  # nothing of this shell's

    def task_of(self, token: str) -> dict[str, Any]:
        """What the metadata endpoint says."""
        (arn,) = (one for one in self.processes if one.endswith(token))
        answer = self._ecs.describe_tasks(cluster=self._cluster, tasks=[arn])
        family, _, revision = (
            answer["tasks"][0]["taskDefinitionArn"].rpartition("/")[2].partition(":")
        )
        return {"TaskARN": arn, "Family": family, "Revision": revision, "Cluster": self._cluster}


def entry_point() -> list[str]:
    """ENTRYPOINT of ``Dockerfile.gpu``, with this Python."""
    for line in (ROOT / "Dockerfile.gpu").read_text().splitlines():
        if line.startswith("ENTRYPOINT "):
            words: list[str] = json.loads(line.removeprefix("ENTRYPOINT "))
            return [sys.executable, *words[1:]]
    raise ValueError("Dockerfile.gpu has no ENTRYPOINT")


def _agent(host: Host) -> http.server.ThreadingHTTPServer:
    class Agent(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(host.task_of(self.path.split("/")[1]))

        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            host.protected.append(body["ProtectionEnabled"])
            self._answer({"protection": {"ProtectionEnabled": body["ProtectionEnabled"]}})

        def _answer(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
