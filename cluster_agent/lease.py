"""Only one agent acts: a Lease, taken before the first action and renewed from a thread. Who loses it stops at once.

Times are the holder's own; another's lease counts as abandoned only after we have seen it unchanged for its whole duration, so clocks
that differ do no harm.
"""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cluster_agent.applying.kube import Kube, Object
from cluster_agent.errors import AgentError, Conflict
from cluster_agent.logs import log

DURATION_SECONDS = 20
RENEW_SECONDS = 5.0
# A holder ends itself this long after it sent its last good renewal: some seconds before anybody else may take the lease.
GIVE_UP_SECONDS = 15.0
WATCH_SECONDS = 0.5


class Lease:
    """A lock in the cluster named ``name``."""

    def __init__(self, kube: Kube, namespace: str, name: str, holder: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._holder = holder
        self._version = ""
        self._good = 0.0
        self._ended = threading.Event()

    def acquire(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Return once it is ours. An agent of the same name (the same pod, restarted) takes it at once."""
        seen, since, told = "", time.monotonic(), False
        while True:
            found = self._kube.get("Lease", self._namespace, self._name)
            version = found["metadata"]["resourceVersion"] if found else ""
            if version != seen:
                seen, since = version, time.monotonic()
            holder = (found or {}).get("spec", {}).get("holderIdentity") or ""
            free = holder in {"", self._holder} or time.monotonic() - since > DURATION_SECONDS
            if free and self._take(version):
                return
            if not told:
                log("waiting for another agent's lease", holder=holder)
                told = True
            sleep(1.0)

    def keep(self, lost: Callable[[], object] | None = None) -> None:
        """Renew from a thread, watched by another; when it is not ours for certain any more, the process ends."""
        for work in (self._renew_for_ever, self._watch):
            threading.Thread(target=work, args=(lost or _end,), name="lease", daemon=True).start()

    def release(self) -> None:
        """Give it back, so that the next agent need not wait."""
        self._ended.set()
        try:
            self._take(self._version, holder="")
        except AgentError:
            return  # it runs out by itself

    def _renew_for_ever(self, lost: Callable[[], object]) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                if not self._renew():
                    self._ended.set()
                    lost()
            except AgentError as error:
                log("the lease could not be renewed", message=error.message)

    def _renew(self) -> bool:
        """Return whether it is ours. A conflict may be with our own renewal, whose answer was lost on its way."""
        if self._take(self._version):
            return True
        found = self._kube.get("Lease", self._namespace, self._name)
        ours = found is not None and found.get("spec", {}).get("holderIdentity") == self._holder
        return ours and self._take((found or {})["metadata"]["resourceVersion"])

    def _watch(self, lost: Callable[[], object]) -> None:
        """End in time also while a request hangs: nobody else takes a lease before ``DURATION_SECONDS``."""
        while not self._ended.wait(WATCH_SECONDS):
            if time.monotonic() - self._good > GIVE_UP_SECONDS:
                self._ended.set()
                lost()

    def _take(self, version: str, holder: str | None = None) -> bool:
        began = time.monotonic()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._holder if holder is None else holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": now,
        }
        metadata: Object = {"name": self._name, "namespace": self._namespace}
        body: Object = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        try:
            if version:
                metadata["resourceVersion"] = version
                stored = self._kube.replace("Lease", self._namespace, body)
            else:
                stored = self._kube.create("Lease", self._namespace, body)
        except Conflict:
            return False
        if not stored:  # it was deleted meanwhile
            return False
        self._version, self._good = stored["metadata"]["resourceVersion"], began
        return True


def _end() -> None:
    log("the lease is lost: this agent stops, another one goes on")
    os._exit(3)
