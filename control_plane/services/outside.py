"""The outside as settings describe it: the channels' repository, registries, the place where releases are rehearsed."""

import os
import socket
from collections.abc import Callable
from functools import cache, lru_cache, partial

from control_plane.domain.errors import InvalidInput
from control_plane.domain.sources import Kind, SourceSpec
from control_plane.publishing.artifacts import artifact_keep
from control_plane.publishing.keys import KeyRing, PublishedHalves
from control_plane.publishing.repository import Repository
from control_plane.publishing.storage import DirectoryStorage
from control_plane.services.rehearsals import Workplace
from control_plane.settings import Settings, get_settings
from control_plane.upstreams.accounts_file import read_accounts
from control_plane.upstreams.chart_dependencies import DependencyReader
from control_plane.upstreams.credentials import Accounts
from control_plane.upstreams.docker_config import DockerConfig
from control_plane.upstreams.forges import ForgeSource
from control_plane.upstreams.gitea import Gitea
from control_plane.upstreams.github import GitHub
from control_plane.upstreams.gitlab import GitLab
from control_plane.upstreams.helm_http import HelmRepository
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.json_source import JsonSource
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.oci_source import OciSource
from control_plane.upstreams.politeness import Limits
from control_plane.upstreams.reader import Reader
from control_plane.upstreams.source import Source
from control_plane.upstreams.web_client import WebClient
from test_harness.runner import Registries


def repository_of(settings: Settings) -> Repository:
    """Return the publisher of the channels' files; one that only reads where this process has no keys. It holds no state."""
    keys = (
        KeyRing(settings.keys_dir, settings.given_keys)
        if settings.signs
        else PublishedHalves(settings.tuf_dir / "metadata")
    )
    return Repository(storage_of(settings), keys)


@lru_cache(maxsize=1)
def shared_http() -> PoliteClient:
    """Return this process's one HTTP client: ``hosts()`` tells how it gets on with each. Made at first use, after a fork."""
    settings = get_settings()
    limits = {
        host: Limits(per_second=per_second, per_hour=per_hour)
        for host, (per_second, per_hour) in settings.host_budgets.items()
    }
    return PoliteClient(limits=limits, default=limits.get("*"), timeout=settings.registry_timeout)


def accounts_of(settings: Settings) -> Accounts:
    """Return the accounts for registries and other servers. Raises ``InvalidInput``: the accounts file is wrong."""
    rules = read_accounts(settings.registry_accounts_file) if settings.registry_accounts_file else []
    return Accounts(rules, further=(DockerConfig(settings.docker_config).find,))


@lru_cache(maxsize=1)
def shared_reader() -> Reader:
    """Return this process's reader: connections, tokens and ETags are kept. Made at first use, after a fork."""
    settings = get_settings()
    accounts, http = accounts_of(settings), shared_http()
    registry = RegistryClient(mirrors=settings.registry_mirrors, accounts=accounts, http=http)
    web = WebClient(http, login=accounts.login)
    return Reader(cache(partial(_source_of, registry=registry, web=web)), registry, helm=settings.helm)


def _source_of(kind: Kind, account: str, *, registry: RegistryClient, web: WebClient) -> Source:
    """Return what reads places of a kind. Git's library is large: it is loaded where somebody names a repository."""
    match kind:
        case "oci":
            return OciSource(registry, account)
        case "helm":
            return HelmRepository(web, registry)
        case "git":
            from control_plane.upstreams.folders import Packer
            from control_plane.upstreams.git import GitSource
            from control_plane.upstreams.git_transport import Ssh

            settings = get_settings()
            charts = DependencyReader(HelmRepository(web, registry), registry, account)
            ssh = Ssh(key=settings.git_ssh_key_file, known_hosts=settings.git_known_hosts_file)
            return GitSource(web, Packer(charts, kubectl=settings.kubectl), ssh)
        case "github":
            return ForgeSource(web, GitHub())
        case "gitlab":
            return ForgeSource(web, GitLab())
        case "gitea":
            return ForgeSource(web, Gitea())
        case "json":
            return JsonSource(web)
    raise InvalidInput(f"{kind} is no kind of place that can be read", code="source_kind")


def account_owner(settings: Settings) -> Callable[[SourceSpec, str], str]:
    """Return what says whose account reads a place: an application's where settings have one of its own, else nobody's."""
    accounts = accounts_of(settings)

    def owner(spec: SourceSpec, application: str) -> str:
        host, _, path = spec.location.partition("/")
        return accounts.owner(host, path, application) if spec.kind == "oci" else ""

    return owner


def storage_of(settings: Settings) -> DirectoryStorage:
    """Return where the channels' files are, and the charts that are kept beside them."""
    return DirectoryStorage(settings.tuf_dir)


def keeper_of(settings: Settings) -> Callable[[bytes], object]:
    """Return what keeps a packed chart beside the channels' files, where agents and rehearsals find it."""
    storage = storage_of(settings)
    return lambda content: artifact_keep(storage, content)


def workplace_of(settings: Settings) -> Workplace:
    """Return where this process rehearses; its name says which machine and process it is."""
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
    )
