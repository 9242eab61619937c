"""The application form: what it shows of a file, what it writes into it, and that nothing is applied unseen or over another's change."""

import re
from html import unescape

import pytest

from control_plane.domain.errors import Transient
from control_plane.store.models import Application, AuditEvent
from control_plane.store.session import read_scope, session_scope

EDIT = "/applications/{}/edit"


def shown(answer) -> str:
    return unescape(answer.content.decode())


def inputs(answer) -> dict[str, str]:
    """What a browser would send of the form as it is: fields, hidden ones, texts and what is selected."""
    page = answer.content.decode()
    form = page[page.index('id="draft"') if 'id="draft"' in page else page.index("/declare/apply") :]
    found = {
        unescape(name): unescape(value)
        for tag in re.findall(r"<input[^>]*>", form)
        for name, value in [(re.search(r'name="([^"]*)"', tag)[1], (re.search(r'value="([^"]*)"', tag) or ["", ""])[1])]
    }
    found |= {
        unescape(name): unescape(text)
        for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    }
    for name, options in re.findall(r'<select[^>]*name="([^"]*)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[unescape(name)] = unescape(chosen[1])
    return found


def stored(name: str) -> tuple[dict, str, str]:
    with read_scope() as session:
        row = session.query(Application).filter_by(name=name).one()
        return row.declaration, row.file, row.declared_by


def test_the_form_shows_the_file_with_its_comments_and_what_each_policy_takes(client_of, declared):
    page = shown(client_of("maintainer").get(EDIT.format(declared)))
    assert "# majors change the database: somebody reads the notes first" in page
    assert 'It would take <strong class="version">1.2.0</strong>' in page
    assert "follows 1.0.0 now" in page
    assert "Nothing differs from what is declared" in page
    assert 'the release <strong class="version">1.2.0</strong>' in page


def test_a_field_is_written_into_the_file_and_nothing_else_of_it_changes(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post(EDIT.format(declared), form | {"majors.chart": "follow", "age.chart": "14d"})
    after = inputs(answer)
    assert answer.status_code == 200
    assert 'It would take <strong class="version">2.0.0</strong>' in shown(answer)
    before = form["file"].splitlines()
    kept = [line for line in after["file"].splitlines() if line in before]
    assert kept == [line for line in before if not re.search("rule:|Age:|majors:", line)]
    assert "minimumAge: 14d" in after["file"]
    assert after["was.chart"] != form["was.chart"]


def test_a_policy_that_shares_its_text_is_left_to_the_file(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    text = re.sub(r"version:.*?images:", "version: &all '*'\n  images:", form["file"], flags=re.DOTALL)
    text = text.replace(f"docker.io/{declared}/{declared}\n", f"docker.io/{declared}/{declared}\n      tag: *all\n")
    form = inputs(client.post(EDIT.format(declared), form | {"by": "file", "file": text}))
    answer = client.post(EDIT.format(declared), form | {"rule.chart": ">=2"})
    assert "written together with something else" in shown(answer)
    assert inputs(answer)["file"] == text


def test_the_file_wins_where_it_was_written_live(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    text = form["file"].replace('">=1.0.0"', '"~1.0"')
    answer = client.post(EDIT.format(declared), form | {"by": "file", "file": text, "rule.chart": ">=2"})
    assert inputs(answer)["rule.chart"] == "~1.0"
    assert inputs(answer)["file"] == text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rule.chart": ">>2"}, "'>>2' is no rule of the dialect helm"),
        ({"age.chart": "soon"}, "is no length of time"),
        ({"behind.chart": "many"}, "expected a whole number"),
        ({"dialect.chart": "kel"}, "'kel' is not known here"),
    ],
)
def test_a_wrong_field_says_so_beside_it_and_keeps_what_was_written(client_of, declared, wrong, words):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post(EDIT.format(declared), form | wrong)
    assert answer.status_code == 422
    assert words in shown(answer)
    assert inputs(answer)["file"] == form["file"]
    kept = {key: text for key, text in wrong.items() if not key.startswith("dialect")}  # a list offers what it has
    assert kept.items() <= inputs(answer).items()


def test_mistakes_of_the_file_have_line_field_and_hint_and_lose_nothing(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    text = form["file"].replace("approvals: 1", "aprovals: 1")
    for path in (EDIT.format(declared), "/declare/review", "/declare/apply"):
        answer = client.post(path, form | {"file": text})
        page = shown(answer)
        assert answer.status_code == 422, path
        assert "spec.channels[1].aprovals" in page
        assert "did you mean 'approvals'?" in page
        assert f"line {text.splitlines().index('      aprovals: 1') + 1}<" in page
        assert inputs(answer)["file"] == text
        assert inputs(answer)["rule.chart"] == ">=1.0.0"


def test_an_application_keeps_its_name(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post("/declare/review", form | {"file": form["file"].replace(declared, "another")})
    assert answer.status_code == 422
    assert "an application keeps its name" in shown(answer)


def test_pasted_tags_are_tried_in_place_of_those_seen(client_of, declared):
    client = client_of("viewer")
    form = inputs(client.get(EDIT.format(declared)))
    page = shown(client.post(EDIT.format(declared), form | {"tags.chart": "1.0.9\r\n1.0.10\r\nlatest"}))
    assert 'It would take <strong class="version">1.0.10</strong>' in page
    assert "Of 3 pasted tags" in page


def test_too_long_a_list_is_said_beside_the_field(client_of, declared):
    client = client_of("viewer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post(EDIT.format(declared), form | {"tags.chart": "1.0.0 " * 20_001})
    assert answer.status_code == 422
    assert "20001 tags are too many to try" in shown(answer)
    assert inputs(answer)["file"] == form["file"]


def test_a_place_is_looked_at_when_a_maintainer_asks_for_it(client_of, declared, monkeypatch):
    from control_plane.domain.sources import Listing
    from control_plane.domain.versions.policy import Tag
    from control_plane.web.dashboard.views import declare

    class Reader:
        def listing(self, spec, account, memo):
            assert spec.location == f"ghcr.io/tidegate/charts/{declared}"
            return Listing(tags=(Tag(name="1.9.0"), Tag(name="1.10.0")))

    monkeypatch.setattr(declare, "shared_reader", Reader)
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post(EDIT.format(declared), form | {"look": "chart"})
    assert inputs(answer)["tags.chart"].split() == ["1.9.0", "1.10.0"]
    assert "1.10.0</strong>" in shown(answer)
    assert client_of("viewer").post(EDIT.format(declared), form | {"look": "chart"}).status_code == 403


def test_a_place_that_does_not_answer_loses_nothing(client_of, declared, monkeypatch):
    from control_plane.web.dashboard.views import declare

    class Reader:
        def listing(self, spec, account, memo):
            raise Transient("ghcr.io does not answer")

    monkeypatch.setattr(declare, "shared_reader", Reader)
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    answer = client.post(EDIT.format(declared), form | {"look": "chart", "rule.chart": "~1.2"})
    assert "ghcr.io does not answer" in shown(answer)
    assert "~1.2" in inputs(answer)["file"]


def test_a_change_is_looked_at_then_applied_with_its_reason(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    looked = client.post("/declare/review", form | {"rule.chart": "~1.2"})
    page = shown(looked)
    assert 'rule: ">=1.0.0"' in page
    assert "rule: ~1.2" in page
    assert "chart.version.rule" in page
    assert stored(declared)[0]["chart"]["version"]["rule"] == ">=1.0.0"
    applied = client.post("/declare/apply", inputs(looked) | {"reason": "wait for the notes"})
    assert applied["Location"] == f"/applications/{declared}"
    declaration, file, by = stored(declared)
    assert declaration["chart"]["version"]["rule"] == "~1.2"
    assert "# majors change the database" in file
    assert by == "user:a-maintainer"
    with read_scope() as session:
        event = session.query(AuditEvent).order_by(AuditEvent.id.desc()).first()
        assert (event.action, event.subject, event.reason) == ("application.changed", declared, "wait for the notes")


def test_without_a_reason_the_audit_log_names_the_fields_and_not_what_they_say(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    text = form["file"].replace("  channels:", "  values: {password: correct-horse}\n  channels:")
    looked = client.post("/declare/review", form | {"file": text, "age.chart": "2h"})
    client.post("/declare/apply", inputs(looked))
    with read_scope() as session:
        event = session.query(AuditEvent).filter_by(subject=declared).order_by(AuditEvent.id.desc()).first()
        assert event.reason == "changed: chart.version.minimumAge, values.password"


def test_a_value_that_looks_like_a_secret_is_warned_about_before_it_is_applied(client_of, people, declared):
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    text = form["file"].rstrip("\n") + "\n  values: {password: hunter2, existingSecret: shop}\n"
    warning = "looks like a secret, and values are published to everyone"
    for path in (EDIT.format(declared), "/declare/review"):
        answer = client.post(path, form | {"file": text, "by": "file"})
        assert answer.status_code == 200, path
        assert shown(answer).count(warning) == 1, path
        assert "<code>spec.values.password</code>" in shown(answer)
    from django.test import Client

    from control_plane.web.accounts import tokens

    token = tokens.create(people["maintainer"], "of a test")
    api = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    body = {"file": text, "name": "shop.yaml"}
    answer = api.post("/api/v1/applications", body, content_type="application/json").json()
    (told,) = answer["warnings"]
    assert (answer["name"], told["file"], told["field"]) == (declared, "shop.yaml", "spec.values.password")
    assert "existingSecret" in told["hint"]
    assert "hunter2" not in str(answer)


def test_two_people_never_overwrite_each_other_unseen(client_of, declared):
    anna, ben = client_of("maintainer"), client_of("admin")
    form = inputs(anna.get(EDIT.format(declared)))
    hers = inputs(anna.post("/declare/review", form | {"rule.chart": "~1.2"}))
    his = inputs(ben.post("/declare/review", form | {"majors.chart": "follow"}))
    assert ben.post("/declare/apply", his).status_code == 302
    answer = anna.post("/declare/apply", hers)
    assert answer.status_code == 409
    page = shown(answer)
    assert f"user:a-admin changed {declared}" in page
    assert "rule: ~1.2" in page  # her text is kept
    assert "majors: ask" in page  # and what it would take back is shown
    assert stored(declared)[0]["chart"]["version"]["rule"] == ">=1.0.0"
    assert anna.post("/declare/apply", inputs(answer)).status_code == 302  # now she has seen it
    assert stored(declared)[0]["chart"]["version"]["rule"] == "~1.2"


def test_a_change_by_another_is_said_before_applying_too(client_of, declared):
    anna, ben = client_of("maintainer"), client_of("admin")
    form = inputs(anna.get(EDIT.format(declared)))
    his = inputs(ben.post("/declare/review", form | {"majors.chart": "follow"}))
    ben.post("/declare/apply", his)
    answer = anna.post("/declare/review", form | {"rule.chart": "~1.2"})
    assert answer.status_code == 409
    assert "after you opened it" in shown(answer)


def test_a_new_application_is_written_and_declared(client_of):
    client = client_of("maintainer")
    form = inputs(client.get("/declare"))
    text = form["file"].replace("my-app", "form-new")
    looked = client.post("/declare/review", form | {"file": text})
    assert "New application form-new" in shown(looked)
    assert client.post("/declare/apply", inputs(looked)).status_code == 302
    assert stored("form-new")[1] == text
    again = client.post("/declare/review", form | {"file": text})
    assert again.status_code == 422
    assert "there is an application 'form-new' already" in shown(again)


def test_tags_seen_for_another_application_at_the_same_place_are_known(client_of, declared):
    client = client_of("maintainer")
    form = inputs(client.get("/declare"))
    text = form["file"].replace("ghcr.io/example/charts/my-app", f"ghcr.io/tidegate/charts/{declared}")
    page = shown(client.post("/declare", form | {"by": "file", "file": text}))
    assert 'It would take <strong class="version">2.0.0</strong>' in page


def test_a_suite_that_came_with_the_file_goes_on(client_of, declared):
    import hashlib

    from control_plane.store.models import SuiteArchive
    from tests.browser.seed import NOW

    digest = "sha256:" + hashlib.sha256(b"packed").hexdigest()
    with session_scope() as session:
        if session.get(SuiteArchive, digest) is None:
            session.add(SuiteArchive(digest=digest, content=b"packed", stored_at=NOW))
        row = session.query(Application).filter_by(name=declared).one()
        row.declaration = {**row.declaration, "suite_digest": digest}
        row.file = row.file.replace("  channels:", "  suite: {path: tests}\n  channels:")
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    looked = client.post("/declare/review", form | {"rule.chart": "~1.2"})
    assert client.post("/declare/apply", inputs(looked)).status_code == 302
    assert stored(declared)[0]["suite_digest"] == digest


def test_a_file_that_nobody_kept_is_written_from_what_was_declared(client_of, declared):
    with session_scope() as session:
        session.query(Application).filter_by(name=declared).one().file = ""
    client = client_of("maintainer")
    form = inputs(client.get(EDIT.format(declared)))
    assert "minimumAge: 1h" in form["file"]
    assert "Nothing differs from what is declared" in shown(client.post(EDIT.format(declared), form))
