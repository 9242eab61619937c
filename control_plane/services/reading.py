"""How this process reads the outside: its accounts, its registries, and one implementation for each kind of place.

What is kept of answers (indexes, packed charts, tokens) is kept per account: an application with an account of its own has
implementations for itself, and what it may see is never shown to another.
"""

from collections.abc import Callable
from functools import cache, lru_cache

from control_plane.domain.errors import InvalidInput
from control_plane.domain.sources import Kind, SourceSpec
from control_plane.services.account_uses import Uses
from control_plane.services.outside import shared_http
from control_plane.services.stored_accounts import AcceptedHosts, StoredAccounts
from control_plane.settings import Settings, get_settings
from control_plane.upstreams.account_places import FORGES, account_place
from control_plane.upstreams.accounts_file import AccountsFile
from control_plane.upstreams.chart_dependencies import DependencyReader
from control_plane.upstreams.credentials import Accounts
from control_plane.upstreams.docker_config import DockerConfig
from control_plane.upstreams.forges import ForgeSource
from control_plane.upstreams.helm_http import HelmRepository
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.json_source import JsonSource
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.oci_source import OciSource
from control_plane.upstreams.reader import Reader
from control_plane.upstreams.source import Source
from control_plane.upstreams.web_client import WebClient


@lru_cache(maxsize=1)
def stored_accounts() -> StoredAccounts:
    """Return this process's view of the table of accounts."""
    return StoredAccounts(get_settings().sealing_key_file)


@lru_cache(maxsize=1)
def shared_accounts() -> Accounts:
    """Return this process's accounts for registries and other servers. Made at first use, after a fork."""
    settings = get_settings()
    files = [AccountsFile(settings.accounts_file)] if settings.accounts_file else []
    return Accounts(stored_accounts(), *files, DockerConfig(settings.docker_config), note=Uses())


@lru_cache(maxsize=1)
def shared_reader() -> Reader:
    """Return this process's reader: connections, tokens and ETags are kept. Made at first use, after a fork."""
    return reader_of(get_settings(), shared_accounts(), shared_http())


def reader_of(settings: Settings, accounts: Accounts, http: PoliteClient) -> Reader:
    """Return what reads the outside with these accounts."""
    sources = SourceMaker(settings, accounts, http)
    unspoken, owner = accounts.unspoken, owner_of(accounts)
    return Reader(cache(sources), sources.registry, owner_of=owner, unspoken=unspoken, helm=settings.helm)


def account_owner(spec: SourceSpec, application: str) -> str:
    """Return whose account reads a place: an application's where it has one of its own, else nobody's."""
    return owner_of(shared_accounts())(spec, application)


def owner_of(accounts: Accounts) -> Callable[[SourceSpec, str], str]:
    """Return what says whose account reads a place.

    A Helm index or a chart in git leads to further places, which are read with an application's own accounts alone: for an
    application that has any, those two kinds are always apart.
    """

    def owner(spec: SourceSpec, application: str) -> str:
        if spec.kind in {"helm", "git"} and accounts.has_own(application):
            return application
        host, path, use = account_place(spec)
        return accounts.owner(host, path, application, use=use)

    return owner


class SourceMaker:
    """Makes what reads places of a kind, as an application that has an account of its own or (empty) as anybody."""

    def __init__(self, settings: Settings, accounts: Accounts, http: PoliteClient) -> None:
        self._settings, self._accounts, self._http = settings, accounts, http
        mirrors = settings.registry_mirrors
        self.registry = RegistryClient(mirrors=mirrors, accounts=accounts, http=http)
        self._named_by_strangers = RegistryClient(mirrors=mirrors, accounts=accounts.granted(), http=http)

    def __call__(self, kind: Kind, application: str) -> Source:
        """Return a new one."""
        web = WebClient(self._http, accounts=self._accounts, application=application)
        if kind in FORGES:
            return ForgeSource(web, FORGES[kind])
        match kind:
            case "oci":
                return OciSource(self.registry, application)
            case "helm":
                return HelmRepository(web, self._named_by_strangers, application)
            case "git":
                return self._git(web, application)
            case "json":
                return JsonSource(web)
        raise InvalidInput(f"{kind} is no kind of place that can be read", code="source_kind")

    def _git(self, web: WebClient, application: str) -> Source:
        """Git's library is large: it is loaded where somebody names a repository."""
        from control_plane.upstreams.folders import Packer
        from control_plane.upstreams.git import GitSource
        from control_plane.upstreams.git_ssh import Ssh

        ssh = Ssh(
            accepted=AcceptedHosts(),
            key=self._settings.git_ssh_key_file,
            known_hosts=self._settings.git_known_hosts_file,
            accounts=self._accounts,
            application=application,
        )
        strangers = self._named_by_strangers
        granted = WebClient(self._http, accounts=self._accounts.granted(), application=application)
        charts = DependencyReader(HelmRepository(granted, strangers, application), strangers, application)
        return GitSource(web, Packer(charts, kubectl=self._settings.kubectl), ssh)
