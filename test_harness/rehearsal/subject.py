"""The application in the rehearsal's cluster, changed by the agent's own code: what is tested is what ships.

Here the agent's errors get their meaning for a release: ``ChangeFailed`` is the release's fault, anything else says nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster_agent.applying import change
from cluster_agent.applying.helm import HelmDriver
from cluster_agent.applying.kube import Kube
from cluster_agent.backup.snapshots import Snapshot, Snapshots
from cluster_agent.contract import ApplicationManifest
from cluster_agent.errors import AgentError, ChangeFailed
from test_harness.errors import CouldNotTell, ReleaseFailed
from test_harness.rehearsal.artifacts import Artifacts

# Our cluster's size and our own rights, not the release's fault.
OF_THE_CLUSTER = frozenset({"unschedulable", "forbidden", "helm_missing"})


@dataclass
class Subject:
    """One application in one namespace; ``folder`` keeps the backup."""

    kube: Kube
    helm: HelmDriver
    artifacts: Artifacts
    folder: Path

    def change_to(self, application: ApplicationManifest) -> int:
        """Install or upgrade, wait until it is healthy; return the revision. Raises ReleaseFailed or CouldNotTell."""
        chart = self.artifacts.chart(application)
        with self._judged(application):
            revision = change.apply_release(self.helm, self.kube, application, chart)
            self._settle(application, revision)
        return revision

    def roll_back(self, application: ApplicationManifest, *, to: int) -> int:
        """Apply the revision ``to`` of ``application`` again, wait until it is healthy; return the new revision."""
        limit = float(application.timeout_seconds)
        with self._judged(application):
            revision = change.roll_back(
                self.helm, self.kube, application.namespace, application.name, to=to, timeout=limit
            )
            self._settle(application, revision)
        return revision

    def back_up(self, application: ApplicationManifest) -> Snapshot:
        """Save the data of ``application`` as it runs now."""
        with self._judged(application):
            return Snapshots(self.folder).back_up(
                self.kube,
                application.name,
                application.namespace,
                application.backup,
                "before-upgrade",
                release=application.release,
                now=datetime.now(UTC),
                timeout=float(application.timeout_seconds),
            )

    def restore(self, application: ApplicationManifest, snapshot: Snapshot, *, to: int) -> None:
        """Put the saved data back, with the revision ``to`` or its successor applied, and wait until it is healthy."""
        limit = float(application.timeout_seconds)
        with self._judged(application):
            Snapshots(self.folder).restore(self.kube, snapshot, timeout=limit)
            self._settle(application, to)

    def _settle(self, application: ApplicationManifest, revision: int) -> None:
        limit = float(application.timeout_seconds)
        change.settle(self.kube, application.namespace, application.name, revision, timeout=limit)

    @contextmanager
    def _judged(self, application: ApplicationManifest) -> Iterator[None]:
        try:
            yield
        except ChangeFailed as error:
            if error.code in OF_THE_CLUSTER:
                raise CouldNotTell(f"the rehearsal's cluster cannot run it: {error.message}") from error
            if error.code == "image_pull":
                self.artifacts.check_images(application)
                raise CouldNotTell(f"the registry has it, yet the cluster cannot pull it: {error.message}") from error
            raise ReleaseFailed(error.message) from error
        except AgentError as error:
            raise CouldNotTell(error.message) from error
