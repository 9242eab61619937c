"""No secret is told: every kind of account against servers that fail in every way and repeat what they are shown.

First each source alone, its errors with all that led to them; then a whole control plane: its log, its database, its API and its pages.
"""

import base64
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from control_plane.domain.accounts import Kind
from control_plane.domain.errors import TidegateError
from control_plane.domain.sources import Kind as SourceKind
from control_plane.domain.sources import SourceSpec
from control_plane.logs import configure_logs
from control_plane.services.reading import reader_of
from control_plane.settings import Settings
from control_plane.upstreams.reader import Reader
from control_plane.upstreams.unspoken import HIDDEN
from tests.support import databases
from tests.support.accounts import accounts, entry
from tests.support.ssh_server import SshServer, make_key
from tests.support.talkative_server import WAYS, Talkative, serving

SECRET = 'p&ss/w+rd "of" café \\ 9'
TOKEN = "ghp_t0ken-of-an+account/with=signs"
DIGEST = f"sha256:{'a' * 64}"
KINDS: tuple[SourceKind, ...] = ("oci", "helm", "git", "github", "gitlab", "gitea", "json")


WHOLE = ("forbidden", "bearer-refused", "bearer-then-forbidden", "error", "link", "redirect", "html", "fields")


@pytest.fixture
def servers() -> Iterator[dict[str, Talkative]]:
    """One host for each way to fail: a circuit that opens for one leaves the others alone."""
    with ExitStack() as stack:
        yield {way: stack.enter_context(serving()) for way in WHOLE}


@pytest.fixture(scope="module")
def server() -> Iterator[Talkative]:
    with serving() as made:
        yield made


def spellings(secret: str, user: str) -> set[str]:
    """Return a secret as it could be told, written here and not by the code that hides it."""
    plain = {secret, f"{user}:{secret}", f"token:{secret}", f":{secret}"}
    encoded = {base64.b64encode(one.encode()).decode().rstrip("=") for one in plain}
    in_text = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, *encoded, *in_text, quote(secret), quote(secret, safe="")}


def assert_silent(text: str, secrets: set[str]) -> None:
    told = {one for one in secrets if one in text}
    assert not told, [text[max(0, text.index(one) - 200) : text.index(one) + 80] for one in told][:3]


def spec_at(server: Talkative, kind: SourceKind, way: str) -> SourceSpec:
    if kind == "oci":
        return SourceSpec(kind=kind, location=f"{server.host}/{way}/acme/web")
    location = f"{server.url}/{way}/acme/web" if kind != "json" else f"{server.url}/{way}/releases.json"
    return SourceSpec(
        kind=kind, location=location, name="web" if kind == "helm" else "", path="@" if kind == "json" else ""
    )


@pytest.mark.parametrize(
    ("kind", "account"),
    [("oci", "identity"), *((kind, account) for kind in KINDS for account in ("password", "token"))],
)
def test_no_error_of_a_source_tells_a_secret(
    server: Talkative, kind: SourceKind, account: Kind, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logs(level="debug", log_format="console")
    user, secret = ("robot", SECRET) if account == "password" else ("", TOKEN)
    secrets = spellings(secret, user)
    server.shown.clear()
    found = accounts(entry(server.host, user, secret, account))
    with httpx2.Client(timeout=0.3) as http:  # without manners: a host that failed would be left alone
        reader = reader_of(Settings(), found, http)  # type: ignore[arg-type]
        said = [error for way in WAYS for error in errors_of(reader, spec_at(server, kind, way), server.host)]
    log = capfd.readouterr()
    assert len(said) > 2 * len(WAYS)
    assert_silent("".join(said) + log.out + log.err, secrets)
    assert server.elsewhere == []
    shown = {header for headers in server.shown.values() for header in headers if not header.startswith("Bearer lent-")}
    assert bool(shown) == (account != "identity"), "an identity token goes into bodies alone"


def errors_of(reader: Reader, spec: SourceSpec, host: str) -> Iterator[str]:
    """Ask all that can be asked of a place; yield what a log would have of each error, and log it."""
    asked: tuple[Callable[[], object], ...] = (
        lambda: reader.listing(spec, "", {}),
        lambda: reader.detail(spec, "", "1.0.0", platforms=True),
        lambda: reader.chart(spec, "web", "1.0.0", DIGEST),
        lambda: reader.image_digest(f"{host}/{spec.location.split('/')[-3]}/acme/web:1", "web"),
    )
    for ask in asked:
        try:
            ask()
        except TidegateError as error:
            logging.getLogger("a.task").exception("a task failed")
            yield "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[SshServer]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    made = SshServer(folder)
    with made.running():
        yield made


APPLICATION = """
apiVersion: tidegate.dev/v1
kind: Application
metadata: {{name: {name}}}
spec:
  poll: 10s
  chart: {chart}
  upstreams: [{upstreams}]
  channels: [{{name: edge}}]
"""


def application(server: Talkative, name: str, way: str, sshd: SshServer) -> str:
    at = f"{server.url}/{way}"
    upstreams = [
        f"{{name: oci, oci: '{server.host}/{way}/acme/other', version: '*'}}",
        f"{{name: helm, helm: '{at}/charts', chart: web, version: '*'}}",
        f"{{name: git, git: '{at}/acme/web', version: '*'}}",
        f"{{name: ssh, git: '{sshd.url(Path('/nowhere/web'))}', version: '*'}}",
        f"{{name: github, github: '{at}/acme/web', version: '*'}}",
        f"{{name: gitlab, gitlab: '{at}/acme/web', version: '*'}}",
        f"{{name: gitea, gitea: '{at}/acme/web', version: '*'}}",
        f"{{name: json, json: '{at}/releases.json', path: '@', version: '*'}}",
    ]
    chart = f"{{oci: '{server.host}/{way}/acme/web', version: '*'}}"
    return APPLICATION.format(name=name, chart=chart, upstreams=", ".join(upstreams))


class ControlPlane:
    """A real `tidegate up` with its own data directory."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.port = folder, databases.free_port()
        self.environment = {
            **os.environ,
            **environment,
            "TIDEGATE_DATA_DIR": str(folder),
            "TIDEGATE_LOG_LEVEL": "debug",
            "TIDEGATE_LOG_FORMAT": "json",
            "TIDEGATE_HOST_BUDGETS": '{"*": [1000, 1000000]}',
            "TIDEGATE_REGISTRY_TIMEOUT": "1",
        }

    def tidegate(self, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "control_plane", *arguments]
        return subprocess.run(command, env=self.environment, input=given, capture_output=True, text=True, check=False)

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "control_plane", "up", "--port", str(self.port)]
        with (self.folder / "up.log").open("wb") as log:
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 90
        while not (self.folder / "cli-token").exists() or self.status() != 200:
            assert process.poll() is None, (self.folder / "up.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        return process

    def status(self) -> int:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}/readyz").status_code
        except httpx2.HTTPError:
            return 0

    def read(self, path: str) -> str:
        return self._call("GET", path)

    def post(self, path: str, **body: str) -> str:
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **options: Any) -> str:
        token = (self.folder / "cli-token").read_text().strip()
        headers, url = {"Authorization": f"Bearer {token}"}, f"http://127.0.0.1:{self.port}/api/v1/{path}"
        return httpx2.request(method, url, headers=headers, timeout=60, **options).text

    def pages(self, paths: list[str]) -> str:
        password = re.findall(r"password\W+([\w-]{12,})", (self.folder / "up.log").read_text())[0]
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", follow_redirects=True, timeout=30) as http:
            form = http.get("/sign-in").text
            token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[0]
            sent = {"name": "admin", "username": "admin", "password": password, "csrfmiddlewaretoken": token}
            http.post("/sign-in", data=sent, headers={"Referer": str(http.base_url)})
            answers = [http.get(path) for path in paths]
        assert all(answer.status_code == 200 and "Sign out" in answer.text for answer in answers)
        return "".join(answer.text for answer in answers)


@pytest.mark.services
def test_a_whole_control_plane_tells_no_secret(servers: dict[str, Talkative], sshd: SshServer, tmp_path: Path) -> None:
    private, _ = make_key()
    plain = {
        name: f"{name}-5ecret-{number}"
        for number, name in enumerate(("stored", "token", "file", "environment", "docker", "identity", "helper"))
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_text(plain["file"])
    (tmp_path / "identity").write_text(plain["identity"])
    at = {way: server.host for way, server in servers.items()}
    (tmp_path / "accounts.yaml").write_text(
        f"- {{place: '{at['bearer-refused']}/bearer-refused', identityTokenFile: identity}}\n"
        f"- {{place: '{at['error']}/error', username: me, passwordFile: file}}\n"
        f"- {{place: '{at['link']}/link', username: me, passwordEnv: TIDEGATE_ACCOUNT_LINK}}\n"
    )
    pair = base64.b64encode(f"me:{plain['docker']}".encode()).decode()
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "auths": {f"{at['redirect']}/redirect": {"auth": pair}},
                "credHelpers": {f"{at['html']}/html": "talkative"},
            }
        )
    )
    helper = tmp_path / "docker-credential-talkative"
    helper.write_text(f"#!/bin/sh\necho '{json.dumps({'Username': 'me', 'Secret': plain['helper']})}'\n")
    helper.chmod(0o755)
    world = ControlPlane(
        tmp_path / "data",
        {
            "TIDEGATE_ACCOUNTS_FILE": str(tmp_path / "accounts.yaml"),
            "TIDEGATE_DOCKER_CONFIG": str(tmp_path / "config.json"),
            "TIDEGATE_ACCOUNT_LINK": plain["environment"],
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
    )
    process = world.start()
    try:
        said = [
            world.tidegate("account", "add", f"{at['forbidden']}/forbidden", "--user", "me", given=plain["stored"]),
            world.tidegate("account", "add", at["fields"], "--app", "fields", given=plain["token"]),
            world.tidegate("account", "add", sshd.place, "--kind", "ssh-key", given=private),
            world.tidegate("account", "add", "wrong place", "--user", "me", given=plain["stored"]),
            world.tidegate("account", "add", "git.example.org", "--kind", "ssh-key", given=plain["stored"]),
        ]
        for way, server in servers.items():
            (tmp_path / f"{way}.yaml").write_text(application(server, way, way, sshd))
            said.append(world.tidegate("app", "apply", "-f", str(tmp_path / f"{way}.yaml")))
        assert [one.returncode for one in said] == [0, 0, 0, 2, 2, *[0] * len(servers)], [one.stderr for one in said]
        said += [world.tidegate("account", "test", f"{at['link']}/link/acme/web"), world.tidegate("account", "list")]
        wait_until_looked(world, len(servers))
        wait_until_shown(servers, {plain[name] for name in ("stored", "file", "environment", "docker", "helper")})
        told = "".join(one.stdout + one.stderr for one in said)
        for way in servers:
            told += world.post("accounts/test", place=f"{at[way]}/{way}/acme/web", application=way)
            told += world.post(f"applications/{way}/releases", version="1.0.0")
        asked = ["accounts", "sources", "audit", "applications", "host-keys"]
        asked += [path for way in servers for path in (f"applications/{way}", f"applications/{way}/explain")]
        asked += [f"accounts/explain?place={at[way]}/{way}/acme/web&application={way}" for way in servers]
        told += "".join(world.read(path) for path in asked)
        seen = [f"/applications/{way}{page}" for way in servers for page in ("", "/explain", "/edit")]
        told += world.pages(["/", "/accounts", "/sources", "/audit", "/settings", *seen])
    finally:
        process.terminate()
        process.wait(30)
    told += (tmp_path / "data" / "up.log").read_text() + stored_in(tmp_path / "data" / "tidegate.sqlite3")
    secrets = {one for name in plain for one in spellings(plain[name], "me")}
    secrets |= set(private.splitlines()[1:-1])
    assert_silent(told, secrets)
    assert HIDDEN in told, "some server did repeat what it was shown"
    assert not any(server.elsewhere for server in servers.values())


def wait_until_shown(servers: dict[str, Talkative], secrets: set[str]) -> None:
    """Wait until each secret was really shown to a server: a host that failed is left alone for a while, then asked again."""
    missing = secrets
    deadline = time.monotonic() + 120
    while missing:
        assert time.monotonic() < deadline, missing
        time.sleep(0.5)
        shown = {one for server in servers.values() for headers in list(server.shown.values()) for one in list(headers)}
        words = {word for header in shown for word in header.split()}
        missing = {one for one in secrets if not {base64.b64encode(f"me:{one}".encode()).decode(), one} & words}


def wait_until_looked(world: ControlPlane, applications: int) -> None:
    """Wait until every place was looked at."""
    deadline = time.monotonic() + 120
    while True:
        rows: list[dict[str, Any]] = json.loads(world.read("sources"))
        waiting = [row["place"] for row in rows if row["last_look_at"] is None]
        if len(rows) >= 8 * applications and not waiting:
            return
        assert time.monotonic() < deadline, waiting
        time.sleep(0.5)


def stored_in(database: Path) -> str:
    with sqlite3.connect(database) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return "".join(str(row) for name in tables for row in connection.execute(f'SELECT * FROM "{name}"'))
