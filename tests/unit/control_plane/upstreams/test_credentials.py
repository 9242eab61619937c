"""Accounts are found by application, path and host, from files, docker's config and its helpers; and never tell their secret."""

import base64
import json
from pathlib import Path

import pytest

from control_plane.domain.errors import InvalidInput, TidegateError, Transient, Untrusted
from control_plane.upstreams.accounts_file import read_accounts
from control_plane.upstreams.credentials import Account, Accounts, Rule
from control_plane.upstreams.docker_config import DockerConfig
from control_plane.upstreams.sealed import open_sealed, seal, sealing_key


def rule(host: str, user: str, path: str = "", application: str = "") -> Rule:
    return Rule(host, lambda: Account(user, "s3cret"), path, application)


@pytest.mark.parametrize(
    ("host", "path", "application", "user"),
    [
        ("ghcr.io", "acme/job", "", "acme"),
        ("ghcr.io", "acme/job/deep", "", "job"),
        ("ghcr.io", "acme-labs/job", "", "host"),
        ("ghcr.io", "acme/job", "wiki", "wiki"),
        ("GHCR.io", "other", "another", "host"),
        ("registry-1.docker.io", "library/nginx", "", "hub"),
    ],
)
def test_the_application_wins_then_the_longest_path_then_the_host(
    host: str, path: str, application: str, user: str
) -> None:
    rules = [
        rule("ghcr.io", "host"),
        rule("ghcr.io", "acme", "acme"),
        rule("ghcr.io", "job", "acme/job/deep"),
        rule("ghcr.io", "wiki", application="wiki"),
        rule("docker.io", "hub"),
    ]
    found = Accounts(rules).find(host, path, application)
    assert found is not None
    assert found.user == user


def test_nobody_else_gets_an_account() -> None:
    accounts = Accounts([rule("ghcr.io", "host"), rule("quay.io", "wiki", application="wiki")])
    assert accounts.find("ghcr.io.evil.com", "acme") is None
    assert accounts.find("quay.io", "acme") is None
    assert accounts.login("https://ghcr.io/acme/charts/index.yaml") == ("host", "s3cret")
    assert accounts.login("https://ghcr.io@evil.com/") is None


def test_a_place_is_looked_at_apart_only_for_an_application_with_its_own_account() -> None:
    accounts = Accounts([rule("ghcr.io", "host"), rule("ghcr.io", "wiki", "acme", application="wiki")])
    assert accounts.owner("ghcr.io", "acme/job", "wiki") == "wiki"
    assert accounts.owner("ghcr.io", "acme/job", "other") == accounts.owner("ghcr.io", "other", "wiki") == ""


def test_an_account_prints_without_its_password() -> None:
    account = Account("me", "s3cret")
    assert "s3cret" not in f"{account!r} {account} {[account]}"


def test_accounts_are_read_from_a_file_and_its_password_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    file = tmp_path / "accounts.yaml"
    file.write_text(
        "- {registry: ghcr.io/acme, username: bot, passwordFile: token}\n"
        "- {registry: ghcr.io, tokenFile: token, application: wiki}\n"
        '- {registry: index.docker.io, username: me, password: "p"}\n'
    )
    accounts = Accounts(read_accounts(file))
    assert accounts.find("ghcr.io", "acme/job") == Account("bot", "t0ken")
    assert accounts.find("ghcr.io", "acme/job", "wiki") == Account("token", "t0ken")
    assert accounts.find("docker.io", "library/nginx") == Account("me", "p")
    (tmp_path / "token").write_text("rotated")
    assert accounts.find("ghcr.io", "acme/job") == Account("bot", "rotated")
    (tmp_path / "token").unlink()
    with pytest.raises(Transient, match="the password of bot cannot be read"):
        accounts.find("ghcr.io", "acme/job")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no list of accounts"),
        ("- ghcr.io", "an account is a mapping"),
        ("- {username: me, password: hunter2}", "names no registry"),
        ("- {registry: https://ghcr.io, username: me, password: hunter2}", "without a scheme"),
        ("- {registry: ghcr.io, username: me}", "one secret is needed"),
        ("- {registry: ghcr.io, password: hunter2}", "needs its user"),
        ("- {registry: ghcr.io, username: me, password: hunter2, passwordfile: x}", "not known"),
        ("- {registry: ghcr.io, username: me, password: 12345}", "no text"),
    ],
)
def test_a_wrong_accounts_file_names_the_place_and_no_secret(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_accounts(file)
    told = "\n".join(map(str, caught.value.mistakes))
    assert says in told
    assert "accounts.yaml:1:" in told
    assert "hunter2" not in told
    assert "12345" not in told


def docker_config(path: Path, **content: object) -> DockerConfig:
    file = path / "config.json"
    file.write_text(json.dumps(content))
    return DockerConfig(file)


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_dockers_config_is_read_by_host_and_by_path(tmp_path: Path) -> None:
    auths = {
        "https://index.docker.io/v1/": auth("hub", "p"),
        "ghcr.io": auth("host", "p"),
        "ghcr.io/acme": {"username": "acme", "password": "p"},
        "broken": {"auth": "%%%"},
        "odd": 3,
    }
    config = docker_config(tmp_path, auths=auths)
    assert config.find("docker.io", "library/nginx") == Account("hub", "p")
    assert config.find("ghcr.io", "acme/job") == Account("acme", "p")
    assert config.find("ghcr.io", "acme-labs/job") == Account("host", "p")
    assert config.find("broken") is config.find("odd") is config.find("quay.io") is None


def test_a_config_that_changes_is_read_again_and_one_that_is_damaged_has_nothing(tmp_path: Path) -> None:
    config = docker_config(tmp_path, auths={"ghcr.io": auth("old", "p")})
    assert config.find("ghcr.io") == Account("old", "p")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"ghcr.io": auth("newer", "p")}}))
    assert config.find("ghcr.io") == Account("newer", "p")
    for damaged in ("[", "[]", '{"auths": []}', "[" * 100_000):
        (tmp_path / "config.json").write_text(damaged)
        assert config.find("ghcr.io") is None
    (tmp_path / "config.json").unlink()
    assert config.find("ghcr.io") is None


def test_credential_helpers_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        '#!/bin/sh\nread server\necho "$server" >> "$0.log"\n'
        '[ "$server" = ghcr.io ] && echo \'{"Username": "bot", "Secret": "s3cret"}\' && exit 0\n'
        "echo no such account; exit 1\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    config = docker_config(tmp_path, credHelpers={"ghcr.io": "test", "bad.io": "../../bin/sh"}, credsStore="test")
    assert config.find("ghcr.io") == config.find("ghcr.io", "acme") == Account("bot", "s3cret")
    assert config.find("docker.io") is None
    assert config.find("bad.io") is None
    assert (tmp_path / "docker-credential-test.log").read_text().splitlines() == [
        "ghcr.io",
        "https://index.docker.io/v1/",
    ]


def test_stored_secrets_are_sealed_by_a_key_of_their_own(tmp_path: Path) -> None:
    key = sealing_key(tmp_path)
    assert sealing_key(tmp_path) == key
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    sealed = seal("s3cret", key)
    assert "s3cret" not in sealed
    assert open_sealed(sealed, key) == "s3cret"
    for wrong, with_key in ((sealed, sealing_key(tmp_path / "another")), (sealed[:-4] + "AAAA", key), ("", key)):
        with pytest.raises(Untrusted) as caught:
            open_sealed(wrong, with_key)
        assert "s3cret" not in str(caught.value)
    with pytest.raises(TidegateError, match="holds no key"):
        seal("x", b"short")
