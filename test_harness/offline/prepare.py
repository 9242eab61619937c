"""Everything that clusters need, made ready at once: programs and images side by side, as far as they are independent."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from test_harness.offline import base_images, binaries, engine, facts, node_image

if TYPE_CHECKING:
    from pathlib import Path

    from test_harness.offline.engine import Engine
    from test_harness.offline.provisioning import Provisioning


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What clusters are made with. Every path exists; the engine answers."""

    decision: Provisioning
    engine: Engine
    kind: Path
    kubectl: Path
    helm: Path
    node_image: str | None
    """None: kind pulls its own."""
    base_image: str
    """For `ARG BASE` of our Dockerfiles."""


@cache
def everything() -> Ready:
    """Make ready what is missing; at once where nothing is. The answer holds for the life of this process.

    Raises `ProvisioningError` with every obstacle named where this machine cannot make clusters.
    """
    decision = facts.decide()
    docker = engine.ensure(runtime_wrapper=decision.runtime_wrapper)
    with ThreadPoolExecutor(2) as threads:
        base = threads.submit(_debian, docker, decision)
        _node_programs(decision)
        node = threads.submit(_node_image, docker, decision, after=base)
        helm, kubectl, kind = map(binaries.ensure, (binaries.HELM, binaries.KUBECTL, binaries.KIND))
        return Ready(
            decision=decision,
            engine=docker,
            kind=kind,
            kubectl=kubectl,
            helm=helm,
            node_image=node.result(),
            base_image=base.result(),
        )


def _debian(docker: Engine, decision: Provisioning) -> str:
    if decision.mode == "offline":
        node_image.ensure_root(docker)
    return base_images.ensure_base(docker, decision.mode)


def _node_programs(decision: Provisioning) -> None:
    """The longest first: what the others share with it is compiled then."""
    if decision.mode == "offline":
        for program in node_image.NODE_PROGRAMS:
            binaries.ensure(program)


def _node_image(docker: Engine, decision: Provisioning, *, after: Future[str]) -> str | None:
    after.result()
    return node_image.ensure_node_image(docker, decision.mode)
