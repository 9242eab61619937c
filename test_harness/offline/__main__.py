"""`python -m test_harness.offline`: prepare everything, print the environment, tell the decision, stop the engine."""

from __future__ import annotations

import argparse
import shlex
import sys

from test_harness.offline import engine, facts, prepare
from test_harness.offline.errors import ProvisioningError


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 the machine could not give it (the message says why and what next)."""
    parser = argparse.ArgumentParser(prog="python -m test_harness.offline", description=__doc__)
    parser.add_argument("command", choices=["prepare", "env", "why", "stop"])
    command = parser.parse_args(arguments).command
    try:
        sys.stdout.write(_ANSWERS[command]())
    except ProvisioningError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _prepare() -> str:
    prepare.everything()
    return ""


def _env() -> str:
    ready = prepare.everything()
    exports = {"KIND": ready.kind, "KUBECTL": ready.kubectl, "HELM": ready.helm}
    hosts = {"DOCKER_HOST": ready.engine.host} if ready.engine.host else {}
    images = {"KIND_NODE_IMAGE": ready.node_image, "TIDEGATE_BASE_IMAGE": ready.base_image}
    pairs = {**hosts, **exports, **images}.items()
    return "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in pairs)


def _why() -> str:
    decision = facts.decide()
    return "".join(f"{line}\n" for line in (decision.mode, *decision.reasons))


def _stop() -> str:
    if engine.stop():
        return "stopped the Docker Engine\n"
    return "nothing stopped: no Docker Engine of ours runs, or containers run in it (`docker ps`)\n"


_ANSWERS = {"prepare": _prepare, "env": _env, "why": _why, "stop": _stop}

if __name__ == "__main__":
    sys.exit(main())
