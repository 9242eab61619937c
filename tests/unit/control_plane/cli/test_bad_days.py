"""What goes wrong before anything is done ends the program with a message and the next step, never with a trace."""

import socket
import sys
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer

from control_plane import cli
from control_plane.cli.client import get_client
from control_plane.cli.output import file_trouble
from control_plane.domain.errors import Refused
from control_plane.domain.upgrades import Upgrade
from control_plane.settings import get_settings
from control_plane.store.reads.fill import upgrade_row
from control_plane.web.server import check_free


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Return a function that runs ``tidegate`` with variables; it returns exit code and standard error."""
    (tmp_path / "cli-token").write_text("tgp_x")
    monkeypatch.setenv("TIDEGATE_DATA_DIR", str(tmp_path))

    def call(*arguments: str, **variables: str) -> tuple[int, str]:
        for name, value in variables.items():
            monkeypatch.setenv(f"TIDEGATE_{name}", value)
        monkeypatch.setattr(sys, "argv", ["tidegate", *arguments])
        get_settings.cache_clear()
        get_client.cache_clear()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capfd.readouterr().err

    yield call
    get_settings.cache_clear()
    get_client.cache_clear()


def test_a_file_that_is_missing(run) -> None:
    code, said = run("app", "apply", "-f", "missing.yaml")
    assert (code, "missing.yaml" in said, "Traceback" in said) == (2, True, False)


def test_a_value_that_looks_like_a_secret_is_warned_about_and_may_be_meant(run, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(
        "apiVersion: tidegate.dev/v1\nkind: Application\nmetadata: {name: shop}\n"
        "spec:\n  chart: {oci: ghcr.io/acme/shop, version: '*'}\n  channels: [{name: edge}]\n  values:\n    token: hunter2\n"
    )
    code, said = run("app", "validate", "-f", str(file))
    assert (code, f"warning: {file}:8:12: spec.values.token: looks like a secret" in said) == (0, True), said
    assert ("existingSecret" in said, "hunter2" in said) == (True, False)


@pytest.mark.parametrize(("run_id", "said_first"), [(None, "warning: "), (12, "")])
def test_whoever_approves_is_told_whether_the_upgrade_was_rehearsed(
    run, httpserver: HTTPServer, run_id: int | None, said_first: str
) -> None:
    upgrade = Upgrade("2.2.8", "2.3.0", contract=None if run_id is None else "reversible", run=run_id)
    promotion = {
        "id": 7,
        "version": "2.3.0",
        "channel": "stable",
        "state": "awaiting_approval",
        "release_digest": "sha256:aaa",
        "upgrade": msgspec.to_builtins(upgrade_row(upgrade)),
    }
    httpserver.expect_request("/api/v1/promotions").respond_with_json([promotion])
    httpserver.expect_request("/api/v1/promotions/7/approve").respond_with_json({"id": 7, "state": "approved"})
    code, said = run("approve", "miniflux", "2.3.0", URL=httpserver.url_for("/"))
    assert (code, said.strip()) == (0, said_first + upgrade.words)


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({"URL": "http://127.0.0.1:1"}, 4, "Start one with `tidegate up`"),
        ({"URL": "http://127.0.0.1:abc"}, 2, "TIDEGATE_URL"),
        ({"URL": "127.0.0.1:8080"}, 2, "begin with https:// or http://"),
        ({"TOKEN_FILE": "/nonexistent"}, 1, "no token: /nonexistent is not there"),
        ({"TOKEN_FILE": "/dev/null"}, 1, "no token: /dev/null is empty"),
        ({"TOKEN_FILE": "/etc/passwd"}, 2, "/etc/passwd has to hold one token"),
        ({"TOKEN_FILE": "/"}, 1, "cannot use /: Is a directory"),
        ({"PORT": "abc"}, 2, "TIDEGATE_PORT"),
        ({"REGISTRY_MIRRORS": "{hunter2"}, 2, "registry_mirrors"),
    ],
)
def test_what_is_wrong_is_named(run, variables: dict[str, str], code: int, words: str) -> None:
    ended, said = run("app", "list", **variables)
    assert (ended, words in said, "Traceback" in said, "hunter2" in said) == (code, True, False, False), said


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (200, "<html>a sign-in</html>", 4, "check TIDEGATE_URL"),
        (302, "", 4, "check TIDEGATE_URL"),
        (500, "<html>", 4, "the control plane's log says why"),
        (401, '{"code": "unauthenticated", "detail": "a valid token is needed"}', 1, "in the dashboard under Settings"),
        (413, '{"code": "body_too_large", "detail": "the body is too large"}', 2, "too large"),
    ],
)
def test_any_answer_is_told(run, httpserver: HTTPServer, status: int, body: str, code: int, words: str) -> None:
    httpserver.expect_request("/api/v1/applications").respond_with_data(body, status=status)
    ended, said = run("app", "list", URL=httpserver.url_for("/"))
    assert (ended, words in said, "Traceback" in said) == (code, True, False), said


def test_a_data_directory_that_cannot_be(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run("up", DATA_DIR=str(tmp_path / "file"))[1].startswith("error: cannot use the data directory")


def test_too_little_space_is_refused_before_the_start(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.cli.processes.LEAST_FREE_BYTES", 2**62)
    code, said = run("up")
    assert (code, "Free some space or set TIDEGATE_DATA_DIR" in said) == (1, True)


def test_a_full_disk_is_told_with_the_place() -> None:
    said = file_trouble(OSError(28, "No space left on device", "/data/lock")).message
    assert said == "cannot use /data/lock: No space left on device; free some space, then repeat"


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(Refused, match="Choose an address of this machine with --host"):
        check_free(["192.0.2.1"], 8080)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refused, match="Choose another port with --port"):
            check_free(["127.0.0.1"], taken.getsockname()[1])
