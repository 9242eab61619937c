"""Git over SSH from a real OpenSSH server: whom it lets in, which servers are believed, and that no key is left anywhere."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from control_plane.domain.errors import InvalidInput, TidegateError, Transient, Untrusted
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.accounts_file import AccountsFile
from control_plane.upstreams.chart_dependencies import DependencyReader
from control_plane.upstreams.credentials import NOBODY, Accounts
from control_plane.upstreams.folders import Packer
from control_plane.upstreams.git import GitSource
from control_plane.upstreams.git_ssh import Ssh
from control_plane.upstreams.helm_http import HelmRepository
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.ssh_keys import scan, server_key
from control_plane.upstreams.web_client import WebClient
from tests.support.accounts import Heard, accounts, entry
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshServer, make_key

FILES = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/templates/a.yaml": "a: 1\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    made = SshServer(tmp_path_factory.mktemp("sshd"))
    with made.running():
        yield made


@pytest.fixture
def repository(tmp_path: Path, httpserver: HTTPServer) -> Path:
    made = GitServer(tmp_path, httpserver)
    made.commit("First", FILES)
    made.tag("v1.0.0")
    return made.bare


@pytest.fixture
def private(server: SshServer) -> str:
    private, public = make_key()
    server.authorize(public)
    return private


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """The known hosts of a user who knows none."""
    file = tmp_path / "known_hosts"
    file.write_text("")
    return file


def source_of(found: Accounts, hosts: Path, accepted: str, application: str = "") -> GitSource:
    ssh = Ssh(known_hosts=hosts, timeout=20, accounts=found, application=application, accepted=lambda: accepted)
    return git(ssh)


def git(ssh: Ssh) -> GitSource:
    web, registry = WebClient(), RegistryClient(accounts=NOBODY)
    return GitSource(web, Packer(DependencyReader(HelmRepository(web, registry), registry)), ssh)


def test_a_key_that_is_accepted_reads_tags_and_charts(
    server: SshServer, repository: Path, private: str, hosts: Path
) -> None:
    found, heard = accounts(entry(server.place, "", private, "ssh-key")), Heard()
    found.note = heard
    source = source_of(found, hosts, server.known_hosts)
    spec = SourceSpec(kind="git", location=server.url(repository), path="charts/web")
    listing = source.listing(spec, {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["v1.0.0"]
    assert source.artifact(spec, "v1.0.0", source.detail(spec, "v1.0.0", platforms=False).digest)
    assert set(heard.said) == {("", "")}


def test_a_key_in_a_file_that_the_accounts_file_names(
    server: SshServer, repository: Path, private: str, hosts: Path, tmp_path: Path
) -> None:
    (tmp_path / "deploy").write_text(private)
    (tmp_path / "accounts.yaml").write_text(f"- {{place: '{server.place}', sshKeyFile: deploy, application: web}}")
    found = Accounts(AccountsFile(tmp_path / "accounts.yaml"))
    spec = SourceSpec(kind="git", location=server.url(repository))
    assert source_of(found, hosts, server.known_hosts, "web").listing(spec, {}) is not None
    with pytest.raises(Transient, match="does not let us in"):
        source_of(found, hosts, server.known_hosts, "wiki").listing(spec, {})


def test_a_key_that_is_not_accepted_says_nothing_and_is_heard_of(
    server: SshServer, repository: Path, hosts: Path
) -> None:
    stranger, _ = make_key()
    found, heard = accounts(entry(server.place, "", stranger, "ssh-key")), Heard()
    found.note = heard
    with pytest.raises(Transient, match=r"does not let us in: .*Permission denied \(publickey\)") as caught:
        source_of(found, hosts, server.known_hosts).listing(SourceSpec(kind="git", location=server.url(repository)), {})
    assert caught.value.code == "denied"
    assert heard.said == [("", "the server does not accept the key")]


def test_a_host_key_that_nobody_accepted_is_refused_with_the_way_to_accept_it(
    server: SshServer, repository: Path, private: str, hosts: Path
) -> None:
    found = accounts(entry(server.place, "", private, "ssh-key"))
    logged = server.log.read_text().count("Accepted publickey")
    with pytest.raises(Transient, match=rf"nobody has accepted .* `tidegate account trust-host {server.place}`"):
        source_of(found, hosts, "").listing(SourceSpec(kind="git", location=server.url(repository)), {})
    assert server.log.read_text().count("Accepted publickey") == logged
    assert hosts.read_text() == ""


def test_a_host_key_is_scanned_and_is_believed_once_it_is_accepted(
    server: SshServer, repository: Path, private: str, hosts: Path
) -> None:
    shown = scan(server.place)
    (key,) = [one for one in shown if one.kind == "ssh-ed25519"]
    assert key.line == server.known_hosts.strip()
    assert key.fingerprint == server_key(server.place, server.known_hosts).fingerprint
    told = subprocess.run(["ssh-keygen", "-lf", "-"], input=server.host_key, capture_output=True, text=True, check=True)
    assert key.fingerprint in told.stdout
    source = source_of(accounts(entry(server.place, "", private, "ssh-key")), hosts, f"{key.line}\n")
    assert source.listing(SourceSpec(kind="git", location=server.url(repository)), {}) is not None


@pytest.mark.parametrize("place", ["127.0.0.1:1", "nowhere.invalid"])
def test_where_no_server_is_nothing_is_scanned(place: str) -> None:
    with pytest.raises(Transient, match="shows no host key"):
        scan(place)


@pytest.mark.parametrize("place", ["-oProxyCommand=x", "a b", "host:99999", "", "ssh://host"])
def test_what_is_no_server_is_refused(place: str) -> None:
    with pytest.raises(InvalidInput, match="is no server"):
        scan(place)


def test_another_host_key_than_the_accepted_one_is_not_trusted(
    server: SshServer, repository: Path, private: str, hosts: Path
) -> None:
    _, other = make_key()
    found, accepted = accounts(entry(server.place, "", private, "ssh-key")), f"[127.0.0.1]:{server.port} {other}\n"
    with pytest.raises(Untrusted, match="another host key than the one that was accepted"):
        source_of(found, hosts, accepted).listing(SourceSpec(kind="git", location=server.url(repository)), {})


def test_host_keys_in_the_users_own_file_count_too(
    server: SshServer, repository: Path, private: str, hosts: Path
) -> None:
    hosts.write_text(server.known_hosts)
    found = accounts(entry(server.place, "", private, "ssh-key"))
    assert source_of(found, hosts, "").listing(SourceSpec(kind="git", location=server.url(repository)), {}) is not None


def test_a_repository_that_is_not_there_is_told_by_git_itself(server: SshServer, private: str, hosts: Path) -> None:
    found = accounts(entry(server.place, "", private, "ssh-key"))
    spec = SourceSpec(kind="git", location=server.url(Path("/nowhere/app.git")))
    with pytest.raises(TidegateError, match="does not appear to be a git repository") as caught:
        source_of(found, hosts, server.known_hosts).listing(spec, {})
    assert caught.value.code == "no_repository"


def test_no_key_stands_on_a_disk_in_arguments_or_in_the_environment_while_it_is_used(
    server: SshServer, private: str, hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_ACCOUNT_OTHER", "s3cret")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    program = tmp_path / "ssh"
    seen = tmp_path / "seen"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\nenv >> {seen}\nls -R {tmp_path}/tmp >> {seen}\nexit 1\n'
    )
    program.chmod(0o755)
    ssh = Ssh(program=str(program), known_hosts=hosts, accounts=accounts(entry(server.place, "", private, "ssh-key")))
    with pytest.raises(Transient):
        git(ssh).listing(SourceSpec(kind="git", location=server.url(tmp_path)), {})
    told = seen.read_text()
    assert "s3cret" not in told
    assert not any(line in told for line in private.splitlines()[1:-1])
    assert f"/proc/{os.getpid()}/fd/" in told
    assert not list((tmp_path / "tmp").rglob("*"))
