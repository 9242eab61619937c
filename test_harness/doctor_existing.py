"""What the doctor asks of a cluster that rehearsals borrow: that it answers, and that its account may do what they need."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from test_harness.check import Check
from test_harness.offline import binaries
from test_harness.offline.commands import run
from test_harness.offline.errors import ProvisioningError

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER, RIGHTS = "rehearsal cluster", "its account"
KUBECONFIG = "TIDEGATE_REHEARSAL_KUBECONFIG"
VERBS = ("create", "patch", "delete")
ACCOUNT = "scripts/rehearsal-kubeconfig --context TEST-CLUSTER > KUBECONFIG"


@dataclass(frozen=True)
class Borrowed:
    """The cluster that `context` of `kubeconfig` names; None: that file's current context."""

    kubeconfig: Path | None
    context: str | None = None

    def checks(self) -> list[Check]:
        """Every check of it. Takes ≤ 5 s where it does not answer."""
        if self.kubeconfig is None:
            return [Check(CLUSTER, False, f"{KUBECONFIG} names no file", f"export {KUBECONFIG}=…; {ACCOUNT}")]
        if not self.kubeconfig.is_file():
            return [Check(CLUSTER, False, f"{self.kubeconfig} of {KUBECONFIG} is not there", ACCOUNT)]
        program = _kubectl()
        if program is None:
            return [Check(CLUSTER, None, "asked once kubectl is built")]
        chosen = ["--context", self.context] if self.context else []
        kubectl = [program, "--kubeconfig", self.kubeconfig, *chosen, "--request-timeout=4s"]
        where = f"{self.context or 'the current context'} of {self.kubeconfig}"
        try:
            run([*kubectl, "get", "--raw", "/readyz"], timeout=5)
        except ProvisioningError as error:
            words = str(error).splitlines()[-1]
            return [
                Check(CLUSTER, False, f"{where} does not answer: {words}", shlex.join(map(str, [*kubectl, "version"])))
            ]
        return [Check(CLUSTER, True, f"{where} answers"), _rights(kubectl)]


def _rights(kubectl: list[str | Path]) -> Check:
    missing = [verb for verb in VERBS if not _may(kubectl, verb)]
    if missing:
        return Check(RIGHTS, False, f"it may not {', '.join(missing)} namespaces", ACCOUNT)
    return Check(RIGHTS, True, f"it may {', '.join(VERBS)} namespaces")


def _may(kubectl: list[str | Path], verb: str) -> bool:
    try:
        return run([*kubectl, "auth", "can-i", verb, "namespaces"], timeout=5).strip() == "yes"
    except ProvisioningError:
        return False  # kubectl ends with 1 where the answer is no


def _kubectl() -> Path | str | None:
    """One that is there: nothing is built to ask."""
    return binaries.ensure(binaries.KUBECTL) if binaries.is_ready(binaries.KUBECTL) else shutil.which("kubectl")
