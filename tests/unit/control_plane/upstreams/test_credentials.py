"""Accounts are found by application, path and host, from files, docker's config and its helpers; and never tell their secret."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.domain.accounts import Kind
from control_plane.domain.errors import InvalidInput, Transient
from control_plane.upstreams.accounts_file import AccountsFile, read_accounts
from control_plane.upstreams.credentials import Account, Accounts, Fixed
from control_plane.upstreams.docker_config import DockerConfig
from control_plane.upstreams.unspoken import Unspoken
from control_plane.upstreams.web_client import WebClient
from tests.support.accounts import accounts, entry


def told(account: Account | None) -> tuple[str, str] | None:
    """Return what tests compare: where it was found does not matter to them."""
    return (account.user, account.secret) if account else None


@pytest.mark.parametrize(
    ("host", "path", "application", "user"),
    [
        ("ghcr.io", "acme/job", "", "acme"),
        ("ghcr.io", "acme/job/deep", "", "job"),
        ("ghcr.io", "acme-labs/job", "", "host"),
        ("ghcr.io", "acme/job", "wiki", "wiki"),
        ("GHCR.io:443", "other", "another", "host"),
        ("registry-1.docker.io", "library/nginx", "", "hub"),
    ],
)
def test_the_application_wins_then_the_longest_path_then_the_host(
    host: str, path: str, application: str, user: str
) -> None:
    found = accounts(
        entry("ghcr.io", "host"),
        entry("ghcr.io/acme", "acme"),
        entry("ghcr.io/acme/job/deep", "job"),
        entry("ghcr.io", "wiki", application="wiki"),
        entry("docker.io", "hub"),
    ).find(host, path, application)
    assert found is not None
    assert found.user == user


def test_nobody_else_gets_an_account() -> None:
    found = accounts(entry("ghcr.io", "host"), entry("quay.io", "wiki", application="wiki"))
    assert found.find("ghcr.io.evil.com", "acme") is None
    assert found.find("quay.io", "acme") is None
    web = WebClient(accounts=found)
    assert told(web.account_for("https://ghcr.io/acme/charts/index.yaml")) == ("host", "s3cret")
    assert web.account_for("https://ghcr.io@evil.com/") is None


def test_each_use_has_its_kinds_of_accounts() -> None:
    key = entry("git.example.com", "", "a key", "ssh-key")
    found = accounts(key, entry("git.example.com", "bot"), entry("git.example.com/x", "", "i", "identity"))
    assert told(found.find("git.example.com", "x", use="ssh")) == ("", "a key")
    assert told(found.find("git.example.com", "x", use="web")) == ("bot", "s3cret")
    assert told(found.find("git.example.com", "x")) == ("", "i")


def test_a_place_is_looked_at_apart_only_for_an_application_with_its_own_account() -> None:
    found = accounts(entry("ghcr.io", "host"), entry("ghcr.io/acme", "wiki", application="wiki"))
    assert found.owner("ghcr.io", "acme/job", "wiki") == "wiki"
    assert found.owner("ghcr.io", "acme/job", "other") == found.owner("ghcr.io", "other", "wiki") == ""
    assert found.owner("ghcr.io", "acme/job", "wiki", use="ssh") == ""


def test_it_is_explained_which_is_used_and_why_the_others_are_not() -> None:
    own = entry("ghcr.io", "wiki", application="wiki")
    found = accounts(entry("ghcr.io", "host"), entry("ghcr.io/acme", "acme"), own, entry("quay.io", "quay"))
    explained = found.explain("ghcr.io", "acme/job", "wiki", use="registry")
    assert [(one.user, why) for one, why in explained] == [
        ("wiki", "used"),
        ("acme", "the application wiki has one of its own"),
        ("host", "the application wiki has one of its own"),
    ]


def test_an_account_that_cannot_be_read_is_not_replaced_by_another(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text("- {place: ghcr.io/acme, username: bot, passwordFile: gone}")
    found = Accounts(AccountsFile(file), Fixed([entry("ghcr.io", "host")]))
    with pytest.raises(Transient, match="cannot be read"):
        found.find("ghcr.io", "acme/job")
    assert told(found.find("ghcr.io", "other")) == ("host", "s3cret")


@pytest.mark.parametrize("kind", ["password", "token", "identity", "ssh-key"])
@given(secret=st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40))
def test_whatever_a_server_repeats_the_secret_is_not_told(kind: Kind, secret: str) -> None:
    account, unspoken = Account("me", secret, kind), Unspoken()
    unspoken.add(account)
    header = account.header("bearer")
    repeated = [header, quote(secret), base64.b64encode(secret.encode()).decode(), json.dumps({"a": secret}), secret]
    with pytest.raises(Transient) as caught, unspoken.kept():
        raise Transient(f"it says {' and '.join(repeated)}")
    for spelling in (secret, header.partition(" ")[2], quote(secret)):
        assert spelling not in f"{caught.value} {caught.value.message} {caught.value.__cause__}"


def test_an_account_prints_without_its_password() -> None:
    account = Account("me", "s3cret")
    assert "s3cret" not in f"{account!r} {account} {[account]}"


def test_accounts_are_read_from_a_file_its_secrets_files_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "key").write_text("-----BEGIN\nkey\n-----END")
    file = tmp_path / "accounts.yaml"
    file.write_text(
        "- {place: ghcr.io/acme, username: bot, passwordFile: token}\n"
        "- {place: ghcr.io, tokenFile: token, application: wiki}\n"
        '- {place: index.docker.io, username: me, password: "p"}\n'
        "- {place: quay.io, username: robot, passwordEnv: TIDEGATE_ACCOUNT_QUAY}\n"
        "- {place: git.example.com/acme/web.git, sshKeyFile: key}\n"
        "- {place: acme.azurecr.io, identityTokenFile: token}\n"
        "- {place: gitlab.com, username: oauth2, tokenFile: token}\n"
    )
    found = Accounts(AccountsFile(file, {"TIDEGATE_ACCOUNT_QUAY": "fr0m env"}))
    assert told(found.find("ghcr.io", "acme/job")) == ("bot", "t0ken")
    wiki = found.find("ghcr.io", "acme/job", "wiki")
    assert wiki is not None
    assert (wiki.kind, wiki.secret, wiki.origin) == ("token", "t0ken", "accounts file")
    assert told(found.find("docker.io", "library/nginx")) == ("me", "p")
    assert told(found.find("quay.io", "acme/job")) == ("robot", "fr0m env")
    assert told(found.find("git.example.com", "acme/web", use="ssh")) == ("", "-----BEGIN\nkey\n-----END\n")
    azure, gitlab = found.find("acme.azurecr.io"), found.find("gitlab.com", use="web")
    assert azure is not None
    assert gitlab is not None
    assert (azure.kind, gitlab.kind) == ("identity", "password")
    (tmp_path / "token").write_text("rotated")
    assert told(found.find("ghcr.io", "acme/job")) == ("bot", "rotated")
    (tmp_path / "token").unlink()
    with pytest.raises(Transient, match=r"cannot be read from .*token"):
        found.find("ghcr.io", "acme/job")


def test_a_file_that_changes_is_read_again_and_one_that_became_wrong_is_no_account(tmp_path: Path) -> None:
    file = tmp_path / "accounts.yaml"
    file.write_text("- {place: ghcr.io, username: old, password: s3cret}")
    found = Accounts(AccountsFile(file))
    assert told(found.find("ghcr.io")) == ("old", "s3cret")
    file.write_text("- {place: ghcr.io, username: newer, password: s3cret}")
    assert told(found.find("ghcr.io")) == ("newer", "s3cret")
    for wrong in ("- {place: ghcr.io}", None):
        file.write_text(wrong) if wrong else file.unlink()
        with pytest.raises(InvalidInput, match="the accounts file"):
            found.find("ghcr.io")


@pytest.mark.parametrize("secret", ["hunter2\nhunter3", "\n", "hunter2\x00", "hunter2é"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_told(tmp_path: Path, secret: str) -> None:
    (tmp_path / "token").write_text(secret)
    file = tmp_path / "accounts.yaml"
    file.write_text("- {place: ghcr.io, tokenFile: token}")
    with pytest.raises(InvalidInput) as caught:
        Accounts(AccountsFile(file)).find("ghcr.io")
    assert "the token for ghcr.io" in caught.value.message
    assert "hunter" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{}", "no list of accounts"),
        ("- ghcr.io", "an account is a mapping"),
        ("- {username: me, password: hunter2}", "names no place"),
        ("- {place: https://ghcr.io, username: me, password: hunter2}", "without a scheme"),
        ("- {place: me:hunter2@ghcr.io, username: me, passwordFile: x}", "without a scheme"),
        ("- {place: ghcr.io, username: me}", "one secret is needed"),
        ("- {place: ghcr.io, username: me, password: hunter2, tokenFile: x}", "one secret is needed"),
        ("- {place: ghcr.io, password: hunter2}", "needs its user"),
        ("- {place: ghcr.io, username: me, sshKeyFile: x}", "has no user"),
        ("- {place: ghcr.io, username: me, passwordEnv: HOME}", "TIDEGATE_ACCOUNT_"),
        ("- {place: ghcr.io, username: me, password: hunter2, passwordfile: x}", "not known"),
        ("- {place: ghcr.io, username: me, password: 12345}", "no text"),
        ("- {place: ghcr.io, username: me, password: *hunter2}", "no YAML"),
        ("- {place: ghcr.io, username: me, password: 'hunter2}", "no YAML"),
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


def docker_config(path: Path, **content: object) -> Callable[..., tuple[str, str] | None]:
    file = path / "config.json"
    file.write_text(json.dumps(content))
    found = Accounts(DockerConfig(file))
    return lambda *place: told(found.find(*place))


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
    assert config("docker.io", "library/nginx") == ("hub", "p")
    assert config("ghcr.io", "acme/job") == ("acme", "p")
    assert config("ghcr.io", "acme-labs/job") == ("host", "p")
    assert config("broken") is config("odd") is config("quay.io") is None


def test_a_config_that_changes_is_read_again_and_one_that_is_damaged_has_nothing(tmp_path: Path) -> None:
    config = docker_config(tmp_path, auths={"ghcr.io": auth("old", "p")})
    assert config("ghcr.io") == ("old", "p")
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"ghcr.io": auth("newer", "p")}}))
    assert config("ghcr.io") == ("newer", "p")
    for damaged in ("[", "[]", '{"auths": []}', "[" * 100_000):
        (tmp_path / "config.json").write_text(damaged)
        assert config("ghcr.io") is None
    (tmp_path / "config.json").unlink()
    assert config("ghcr.io") is None


def test_an_identity_token_is_read_from_the_file_and_from_a_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-acr"
    helper.write_text('#!/bin/sh\necho \'{"Username": "<token>", "Secret": "from-helper"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    nobody = auth("00000000-0000-0000-0000-000000000000", "")
    auths = {"acme.azurecr.io": {**nobody, "identitytoken": "ident1ty"}, "other.azurecr.io": {"identitytoken": "i"}}
    content = {"auths": auths, "credHelpers": {"third.azurecr.io": "acr"}}
    (tmp_path / "config.json").write_text(json.dumps(content))
    found = Accounts(DockerConfig(tmp_path / "config.json"))
    read = [found.find(f"{name}.azurecr.io") for name in ("acme", "other", "third")]
    assert [(one.kind, one.secret) for one in read if one] == [
        ("identity", "ident1ty"),
        ("identity", "i"),
        ("identity", "from-helper"),
    ]


def test_credential_helpers_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text(
        '#!/bin/sh\nread server\necho "$server" >> "$0.log"\nenv >> "$0.env"\n'
        '[ "$server" = ghcr.io ] && echo \'{"Username": "bot", "Secret": "s3cret"}\' && exit 0\n'
        "echo no such account; exit 1\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TIDEGATE_ACCOUNT_OTHER", "0ther")
    config = docker_config(tmp_path, credHelpers={"ghcr.io": "test", "bad.io": "../../bin/sh"}, credsStore="test")
    assert config("ghcr.io") == config("ghcr.io", "acme") == ("bot", "s3cret")
    assert config("docker.io") is None
    assert config("bad.io") is None
    assert (tmp_path / "docker-credential-test.log").read_text().splitlines() == [
        "ghcr.io",
        "https://index.docker.io/v1/",
    ]
    assert "0ther" not in (tmp_path / "docker-credential-test.env").read_text()
