"""Snapshots: what an application's ``dump`` commands print, kept as files; put back through its ``restore`` commands.

A snapshot is a folder ``APPLICATION/ID`` with one file a step and ``snapshot.json``; it appears whole (written aside, synced, renamed) or
not at all. The newest three per application are kept. Nothing here decides when to take or use one.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from cluster_agent.applying.kube import Kube, Object
from cluster_agent.backup.quiesce import quiesce, unquiesce
from cluster_agent.contract import BackupStep
from cluster_agent.errors import ChangeFailed

KEPT = 3
BLOCK_BYTES = 256 * 1024
INDEX = "snapshot.json"


class SavedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step's file: ``size`` in bytes, ``sha256`` in hexadecimal."""

    step: BackupStep
    file: str
    size: int
    sha256: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What was saved, of which release, and how it is put back."""

    id: str
    application: str
    namespace: str
    release: str
    taken_at: datetime
    steps: tuple[SavedStep, ...]


class Snapshots:
    """The snapshots in one folder, which must outlive the agent's pod."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, application: str, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot that was completed, or None."""
        index = self._folder / application / snapshot_id / INDEX
        return msgspec.json.decode(index.read_bytes(), type=Snapshot) if index.exists() else None

    def all(self) -> list[Snapshot]:
        """Return every snapshot that was completed, the newest first."""
        found = [
            msgspec.json.decode(index.read_bytes(), type=Snapshot) for index in self._folder.glob(f"*/[!.]*/{INDEX}")
        ]
        return sorted(found, key=lambda one: one.taken_at, reverse=True)

    def saved(self, application: str, snapshot_id: str) -> Snapshot:
        """Return a snapshot that must be there. Raises ``ChangeFailed``."""
        found = self.find(application, snapshot_id)
        if found is None:
            words = (
                f"backup {snapshot_id} of {application} is not in the agent's data directory (`tidegate-agent backups`)"
            )
            raise ChangeFailed("restore_failed", words)
        return found

    def back_up(
        self,
        kube: Kube,
        application: str,
        namespace: str,
        steps: tuple[BackupStep, ...],
        snapshot_id: str,
        *,
        release: str,
        now: datetime,
        timeout: float = 3600.0,
    ) -> Snapshot:
        """Run every dump of ``steps`` and keep the output. ``release`` is the version whose data it is.

        Returns the one of that id if it exists.

        Raises ``ChangeFailed`` (``backup_failed``: nothing was changed yet) or ``Unreachable``.
        """
        if done := self.find(application, snapshot_id):
            return done
        folder = self._folder / application
        aside = folder / f".{snapshot_id}.part"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir(parents=True)
            saved = [_dump(kube, namespace, step, aside, timeout) for step in steps]
            snapshot = Snapshot(
                id=snapshot_id,
                application=application,
                namespace=namespace,
                release=release,
                taken_at=now,
                steps=tuple(saved),
            )
            _write_synced(aside / INDEX, msgspec.json.encode(snapshot))
            aside.rename(folder / snapshot_id)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise ChangeFailed("backup_failed", f"no backup of {application} could be kept: {error}") from error
        self._forget_old(folder)
        return snapshot

    def restore(self, kube: Kube, snapshot: Snapshot, *, timeout: float = 3600.0) -> None:
        """Stop what uses the data, put every step back, start it again. May be repeated after a kill.

        Raises ``ChangeFailed`` (``restore_failed``) or ``Unreachable``; the workloads are started again in either case.
        """
        workloads = sorted({name for saved in snapshot.steps for name in saved.step.quiesce})
        folder = self._folder / snapshot.application / snapshot.id
        for saved in snapshot.steps:
            _verify(folder / saved.file, saved)
        try:
            quiesce(kube, snapshot.namespace, workloads)
            for saved in snapshot.steps:
                _feed(kube, snapshot.namespace, saved.step, folder / saved.file, timeout)
        finally:
            unquiesce(kube, snapshot.namespace, workloads)

    def _forget_old(self, folder: Path) -> None:
        whole = [one for one in folder.iterdir() if (one / INDEX).exists()]
        for old in sorted(whole, key=lambda one: (one / INDEX).stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _dump(kube: Kube, namespace: str, step: BackupStep, folder: Path, timeout: float) -> SavedStep:
    pod, container = _pod_and_container(kube, namespace, step, "backup_failed")
    name, digest = f"{hashlib.sha256(step.name.encode()).hexdigest()[:12]}.dump", hashlib.sha256()
    with (folder / name).open("wb") as file:

        def keep(data: bytes) -> None:
            digest.update(data)
            file.write(data)

        code, complaints = kube.exec(namespace, pod, container, step.dump, stdout=keep, timeout=timeout)
        if code != 0:
            raise ChangeFailed("backup_failed", f"backup {step.name!r} ended with code {code}: {complaints[-300:]}")
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if size == 0:
        raise ChangeFailed("backup_failed", f"backup {step.name!r} printed nothing: an empty backup restores nothing")
    return SavedStep(step=step, file=name, size=size, sha256=digest.hexdigest())


def _feed(kube: Kube, namespace: str, step: BackupStep, path: Path, timeout: float) -> None:
    pod, container = _pod_and_container(kube, namespace, step, "restore_failed")
    code, complaints = kube.exec(namespace, pod, container, step.restore, stdin=_blocks(path), timeout=timeout)
    if code != 0:
        raise ChangeFailed("restore_failed", f"restore {step.name!r} ended with code {code}: {complaints[-300:]}")


def _pod_and_container(kube: Kube, namespace: str, step: BackupStep, otherwise: str) -> tuple[str, str]:
    pods = [pod for pod in kube.list("Pod", namespace, labels=step.pod) if _ready(pod)]
    if not pods:
        words = f"step {step.name!r}: no ready pod matches {step.pod!r} in namespace {namespace}"
        raise ChangeFailed(otherwise, words)
    pod = min(pods, key=lambda one: str(one["metadata"]["name"]))
    return pod["metadata"]["name"], step.container or pod["spec"]["containers"][0]["name"]


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _verify(path: Path, saved: SavedStep) -> None:
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    if digest.hexdigest() != saved.sha256:
        raise ChangeFailed("restore_failed", f"the backup {saved.step.name!r} is damaged on disk: it is not restored")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
