"""Accounts over the API, on the page and by the command line: who may, what is told, and that no secret ever comes out again."""

import json
import subprocess
import sys

import pytest
from sqlalchemy import text

from control_plane import cli
from control_plane.cli import accounts as commands
from control_plane.services.reading import shared_accounts, stored_accounts
from control_plane.settings import get_settings
from control_plane.store.session import get_engine
from tests.browser.seed import SECRET
from tests.support.small_registry import SmallRegistry, serving

NEW_SECRET = "hunter2-hunter2"


@pytest.fixture
def call(people):
    """Call the API as a role."""
    from django.test import Client

    from control_plane.web.accounts import tokens

    def make(method, path, body=None, role="maintainer"):
        token = tokens.create(people[role], "of a test")
        options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
        answer = getattr(client, method)(f"/api/v1/{path}", **options)
        assert NEW_SECRET not in answer.content.decode()
        assert SECRET not in answer.content.decode()
        return answer.status_code, json.loads(answer.content)

    return make


@pytest.fixture
def run(call, monkeypatch, capfd):
    """Run ``tidegate`` against the API; return exit code, standard output and standard error."""

    class Client:
        def get(self, path, **params):
            query = "&".join(f"{name}={value}" for name, value in params.items() if value is not None)
            return call("get", f"{path}?{query}")[1]

        def post(self, path, body):
            return call("post", path, body)[1]

        def delete(self, path):
            return call("delete", path)[1]

    def go(*arguments):
        monkeypatch.setattr(sys, "argv", ["tidegate", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    monkeypatch.setattr("control_plane.cli.client.get_client", Client)
    return go


def body(**changes):
    return {"place": "quay.io/acme", "kind": "password", "username": "robot", "secret": NEW_SECRET, **changes}


def remove_all(call, place):
    for row in call("get", "accounts")[1]["accounts"]:
        if row["host"] == place and row["id"]:
            call("delete", f"accounts/{row['id']}")


def test_an_account_is_added_listed_replaced_and_removed(call):
    status, made = call("post", "accounts", body())
    assert (status, made["place"], made["application"]) == (200, "quay.io/acme", "")
    found = shared_accounts().find("quay.io", "acme/web")
    assert found is not None
    assert found.secret == NEW_SECRET
    rows = call("get", "accounts", role="viewer")[1]["accounts"]
    (row,) = [one for one in rows if one["host"] == "quay.io"]
    assert (row["id"], row["username"], row["origin"], row["created_by"]) == (
        made["id"],
        "robot",
        "stored",
        "user:a-maintainer",
    )
    assert call("post", "accounts", body())[0] == 409
    assert call("post", "accounts", body(username="other", replace=True))[1]["id"] == made["id"]
    assert call("delete", f"accounts/{made['id']}?reason=left")[0] == 200
    assert call("delete", f"accounts/{made['id']}")[0] == 404
    assert shared_accounts().find("quay.io", "acme/web") is None


def test_only_maintainers_change_accounts(call):
    for role in ("viewer", "approver"):
        assert call("post", "accounts", body(), role=role)[0] == 403
        assert call("delete", "accounts/1", role=role)[0] == 403
        assert call("post", "accounts/test", {"place": "ghcr.io/a/b"}, role=role)[0] == 403
        assert call("post", "host-keys/scan", {"host": "127.0.0.1:1"}, role=role)[0] == 403
        assert call("post", "host-keys", {"host": "h.example.org", "lines": []}, role=role)[0] == 403
        assert call("delete", "host-keys/h.example.org", role=role)[0] == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": "https://quay.io"},
        {"kind": "passphrase"},
        {"secret": None},
        {"secret": [NEW_SECRET]},
        {"username": ""},
        {"kind": "ssh-key", "username": ""},
        {"secret": f"{NEW_SECRET}\nmore"},
    ],
)
def test_what_is_wrong_is_told_without_the_secret(call, wrong):
    status, answer = call("post", "accounts", body(**wrong))
    assert status == 422
    assert answer["mistakes"] or answer["detail"]


def test_no_page_and_no_audit_event_has_a_secret(client_of, call):
    call("post", "accounts", body(application="miniflux"))
    for path in ("/accounts", "/audit", "/search?q=quay", "/sources"):
        page = client_of("admin").get(path).content.decode()
        assert NEW_SECRET not in page
        assert SECRET not in page
    assert "quay.io/acme (miniflux)" in client_of("admin").get("/audit").content.decode()
    with get_engine().connect() as connection:
        stored = "".join(map(str, connection.execute(text("SELECT * FROM audit_event, account"))))
    assert NEW_SECRET not in stored
    remove_all(call, "quay.io")


def test_the_page_shows_place_application_kind_and_fortune(client_of):
    page = client_of("viewer").get("/accounts").content.decode()
    for words in (
        "ghcr.io/paperless-ngx",
        "paperless-deploy",
        "identity",
        "HTTP 401",
        "[git.example.org]:2222",
        "SHA256:",
    ):
        assert words in page
    assert "1 is refused" in page
    assert page.index("paperless-deploy") < page.index("ci-bot")


def test_it_is_explained_which_account_is_used_and_why(call):
    _, found = call(
        "get", "accounts/explain?place=ghcr.io/paperless-ngx/paperless&application=paperless", role="viewer"
    )
    told = [(row["username"], row["verdict"]) for row in found["accounts"]]
    assert told == [("paperless-deploy", "used"), ("ci-bot", "the application paperless has one of its own")]
    assert found["apart"]
    _, found = call("get", "accounts/explain?place=ghcr.io/paperless-ngx/paperless")
    assert [row["verdict"] for row in found["accounts"]] == ["used", "it is the application paperless's own"]
    assert not found["apart"]
    assert call("get", "accounts/explain?place=https://charts.example.org")[0] == 422
    assert call("get", "accounts/explain?place=https://charts.example.org&kind=helm")[1]["accounts"] == []


def test_a_place_is_tried_as_an_application_would_read_it(call):
    with serving(SmallRegistry(accounts={"": ("robot", NEW_SECRET)})) as registry:
        registry.push_image("acme/web", "1.0.0")
        place = f"{registry.url.removeprefix('http://')}/acme/web"
        assert call("post", "accounts/test", {"place": place})[1]["outcome"] == "refused"
        call("post", "accounts", body(place=place, application="miniflux"))
        assert call("post", "accounts/test", {"place": place})[1]["outcome"] == "refused"
        _, tested = call("post", "accounts/test", {"place": place, "application": "miniflux"})
        assert (tested["outcome"], tested["detail"]) == ("let in", "1 tag can be read")
        assert tested["account"]["username"] == "robot"
        assert call("post", "accounts/test", {"place": f"{place}-not"})[1]["outcome"] == "refused"
        remove_all(call, place.partition("/")[0])


def test_the_command_line_reads_a_secret_from_a_file_and_from_standard_input(call, run, tmp_path, monkeypatch):
    file = tmp_path / "secret"
    file.write_text(f"{NEW_SECRET}\n")
    code, out, _ = run("account", "add", "quay.io", "--user", "robot", "--secret-file", str(file))
    assert code == 0
    assert "for quay.io, for all applications, is stored" in out
    monkeypatch.setattr(commands.sys, "stdin", file.open())
    code, out, _ = run("account", "add", "quay.io", "--app", "miniflux")
    assert code == 0
    found = shared_accounts().find("quay.io", "x", "miniflux")
    assert found is not None
    assert (found.kind, found.secret) == ("token", NEW_SECRET)
    code, out, _ = run("account", "list")
    assert "quay.io" in out
    code, out, _ = run("account", "explain", "quay.io/acme/web", "--app", "miniflux")
    assert "used" in out
    assert "looked at for miniflux alone" in out
    for row in call("get", "accounts")[1]["accounts"]:
        if row["host"] == "quay.io":
            assert run("account", "remove", str(row["id"]))[0] == 0


def test_the_command_line_rotates_the_key_and_every_account_still_opens(call, run):
    before = get_settings().sealing_key_file.read_bytes()
    code, out, _ = run("account", "rotate-key")
    assert code == 0
    assert "4 accounts sealed with the key" in out
    assert get_settings().sealing_key_file.read_bytes() != before
    stored_accounts().forget()
    found = shared_accounts().find("ghcr.io", "other")
    assert found is not None
    assert found.secret == SECRET
    assert any(row["action"] == "account.resealed" for row in call("get", "audit?limit=10")[1])


def test_the_command_line_takes_no_secret_as_an_argument() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "control_plane", "account", "add", "--help"], capture_output=True, text=True, check=True
    )
    assert "--secret-file" in done.stdout
    assert "--secret " not in done.stdout
    assert "--password" not in done.stdout
