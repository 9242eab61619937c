"""The outside as settings describe it: the channels' repository, registries, the place where releases are rehearsed."""

import os
import socket
from collections.abc import Callable
from functools import lru_cache, partial

from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.keys import KeyRing, PublishedHalves
from control_plane.publishing.repository import Repository
from control_plane.publishing.storage import DirectoryStorage
from control_plane.services.hosts import SharedLedger
from control_plane.services.rehearsal_logins import logins_for
from control_plane.services.rehearsals import Workplace
from control_plane.settings import Settings, get_settings
from control_plane.upstreams.credentials import NOBODY, Accounts
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.politeness import PUBLIC_HOSTS, Limits
from test_harness.runner import Registries


def repository_of(settings: Settings) -> Repository:
    """Return the publisher of the channels' files; one that only reads where this process has no keys. It holds no state."""
    keys = (
        KeyRing(settings.keys_dir, settings.given_keys)
        if settings.signs
        else PublishedHalves(settings.tuf_dir / "metadata")
    )
    return Repository(storage_of(settings), keys)


def limits_of(settings: Settings) -> Callable[[str], Limits]:
    """Return what says how much a host is asked at most: as settings say, else as public hosts wish, else as settings say of ``*``."""
    budgets = {
        host: Limits(per_second=per_second, per_hour=per_hour)
        for host, (per_second, per_hour) in settings.host_budgets.items()
    }
    return lambda host: budgets.get(host) or PUBLIC_HOSTS.get(host) or budgets.get("*") or Limits()


@lru_cache(maxsize=1)
def shared_http() -> PoliteClient:
    """Return this process's one HTTP client; all processes keep the budgets together. Made at first use, after a fork."""
    settings = get_settings()
    return PoliteClient(limits_of=limits_of(settings), timeout=settings.registry_timeout, ledger=SharedLedger())


def storage_of(settings: Settings) -> DirectoryStorage:
    """Return where the channels' files are, and the charts that are kept beside them."""
    return DirectoryStorage(settings.tuf_dir)


def keeper_of(settings: Settings) -> Callable[[bytes], object]:
    """Return what keeps a packed chart beside the channels' files, where agents and rehearsals find it."""
    storage = storage_of(settings)
    return lambda content: artifact_keep(storage, content)


def workplace_of(settings: Settings, accounts: Accounts = NOBODY) -> Workplace:
    """Return where this process rehearses, as whom; its name says which machine and process it is."""
    mirrors = settings.registry_mirrors
    return Workplace(
        name=f"{socket.gethostname()}:{os.getpid()}",
        evidence=settings.evidence_dir,
        lease_seconds=settings.lease_seconds,
        attempts_limit=settings.rehearsal_attempts,
        registries=Registries(
            from_host=mirrors,
            from_pods=settings.cluster_registry_mirrors or mirrors,
            artifacts=str(settings.tuf_dir.resolve()),
        ),
        provider=settings.rehearsal_provider,
        kubeconfig=str(settings.rehearsal_kubeconfig) if settings.rehearsal_kubeconfig else None,
        context=settings.rehearsal_context,
        logins_of=partial(logins_for, accounts=accounts, mirrors=mirrors),
    )
