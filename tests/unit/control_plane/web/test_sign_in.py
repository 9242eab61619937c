"""Signing in: cookies, wrong passwords, the limit, where one goes afterwards; people and tokens."""

from datetime import timedelta

import pytest
from django.utils import timezone

from control_plane.domain.errors import InvalidInput, Refused

PASSWORD = "tide-and-time-wait-for-no-one"


@pytest.fixture(scope="module")
def anna(ids):
    from control_plane.web.accounts.models import User

    person = User(name="anna", role="approver")
    person.set_password(PASSWORD)
    person.save()
    return person


def sign_in(client, name="anna", password=PASSWORD, **more):
    return client.post("/sign-in", {"name": name, "password": password, **more})


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client_of, anna):
    client = client_of("")
    answer = sign_in(client)
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    cookie = answer.cookies["tidegate_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert client.get("/").status_code == 200


def test_one_comes_back_to_the_page_one_wanted(client_of, anna):
    assert sign_in(client_of(""), next="/clusters?state=silent")["Location"] == "/clusters?state=silent"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_but_never_to_another_site(client_of, anna, target):
    assert sign_in(client_of(""), next=target)["Location"] == "/"


def test_a_wrong_password_and_an_unknown_name_look_the_same(client_of, anna):
    wrong, unknown = sign_in(client_of(""), password="no"), sign_in(client_of(""), name="nobody", password="no")
    assert wrong.status_code == unknown.status_code == 401
    assert b"The name or the password is wrong." in wrong.content
    assert b"The name or the password is wrong." in unknown.content


def test_guessing_stops_being_answered_also_with_the_right_password(client_of, anna):
    from control_plane.web.accounts.models import FailedSignIn
    from control_plane.web.accounts.throttle import PER_ADDRESS_AND_NAME

    client = client_of("", REMOTE_ADDR="192.0.2.7")
    for _ in range(PER_ADDRESS_AND_NAME):
        assert sign_in(client, password="no").status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert sign_in(client_of("", REMOTE_ADDR="192.0.2.8")).status_code == 302
    for row in FailedSignIn.objects.filter(address="192.0.2.7"):
        row.at -= timedelta(hours=1)
        row.save()
    assert sign_in(client).status_code == 302


def test_failures_of_a_clock_that_was_ahead_lock_nobody_out_and_are_forgotten(client_of, anna):
    from control_plane.web.accounts.models import FailedSignIn
    from control_plane.web.accounts.throttle import PER_ADDRESS_AND_NAME

    client = client_of("", REMOTE_ADDR="192.0.2.9")
    for _ in range(PER_ADDRESS_AND_NAME):
        sign_in(client, password="no")
    FailedSignIn.objects.filter(address="192.0.2.9").update(at=timezone.now() + timedelta(hours=1))
    assert sign_in(client).status_code == 302
    FailedSignIn.objects.create(address="192.0.2.9", name="anna", at=timezone.now() + timedelta(hours=1))
    sign_in(client_of("", REMOTE_ADDR="192.0.2.10"), password="no")
    assert not FailedSignIn.objects.filter(address="192.0.2.9").exists()


def test_signing_out_ends_the_session(client_of, anna):
    client = client_of("")
    sign_in(client)
    client.post("/sign-out")
    assert client.get("/").status_code == 302


def test_a_person_who_left_is_out_at_once(client_of, anna):
    client = client_of("")
    sign_in(client)
    type(anna).objects.filter(pk=anna.pk).update(is_active=False)
    assert client.get("/").status_code == 302
    type(anna).objects.filter(pk=anna.pk).update(is_active=True)


def test_the_first_administrator_is_made_once(ids, people):
    from control_plane.web.accounts.models import User
    from control_plane.web.accounts.people import ensure_first_admin

    assert ensure_first_admin() is None
    kept = list(User.objects.values_list("pk", flat=True))
    assert kept


def test_the_last_administrator_stays(people):
    from control_plane.web.accounts.people import person_change
    from control_plane.web.accounts.roles import Role

    with pytest.raises(Refused, match="last active administrator"):
        person_change(people["admin"], role=Role.VIEWER, is_active=True)
    with pytest.raises(Refused, match="last active administrator"):
        person_change(people["admin"], role=Role.ADMIN, is_active=False)


@pytest.mark.parametrize("name", ["", "With Spaces", "ünal", "-dash", "a" * 64])
def test_a_name_that_the_audit_log_could_not_carry_is_refused(ids, name):
    from control_plane.web.accounts.people import person_add
    from control_plane.web.accounts.roles import Role

    with pytest.raises(InvalidInput):
        person_add(name=name, role=Role.VIEWER)


def test_a_first_password_works_and_is_shown_once(client_of):
    answer = client_of("admin").post("/settings/people", {"name": "bert", "role": "viewer"})
    page = answer.content.decode()
    password = page.partition('id="secret">')[2].partition("<")[0]
    assert sign_in(client_of(""), name="bert", password=password).status_code == 302
    assert password not in client_of("admin").get("/settings").content.decode()


def test_a_password_of_ones_own_must_be_a_good_one(client_of, anna):
    client = client_of("")
    sign_in(client)
    short = {"current": PASSWORD, "new": "short", "again": "short"}
    assert client.post("/settings/password", short).status_code == 422
    wrong = {"current": "no", "new": "a-long-new-password", "again": "a-long-new-password"}
    assert client.post("/settings/password", wrong).status_code == 409
    right = {**wrong, "current": PASSWORD}
    assert client.post("/settings/password", right).status_code == 302
    assert client.get("/").status_code == 200, "the session that changed it goes on"
    anna.set_password(PASSWORD)
    anna.save()


class TestTokens:
    def test_a_token_stands_for_its_person(self, people):
        from control_plane.web.accounts import tokens

        identity = tokens.authenticate("Bearer " + tokens.create(people["maintainer"], "ci"))
        assert identity == tokens.Identity("user:a-maintainer", "maintainer")

    def test_only_its_hash_is_kept(self, people):
        from control_plane.web.accounts import tokens
        from control_plane.web.accounts.models import ApiToken

        text = tokens.create(people["viewer"], "kept")
        row = ApiToken.objects.get(name="kept")
        assert text.startswith(row.prefix)
        assert text not in str(vars(row))

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer tgp_", "Bearer tgp_unknown", "Basic tgp_x"])
    def test_nonsense_is_nobody(self, people, header):
        from control_plane.web.accounts import tokens

        assert tokens.authenticate(header) is None

    def test_an_expired_revoked_or_orphaned_one_is_nobody(self, people):
        from django.utils import timezone

        from control_plane.web.accounts import tokens
        from control_plane.web.accounts.models import ApiToken, User

        old = tokens.create(people["viewer"], "old", lifetime=timedelta(seconds=-1))
        gone = tokens.create(people["viewer"], "gone")
        ApiToken.objects.filter(name="gone").update(revoked_at=timezone.now())
        left = User.objects.create(name="left", is_active=False)
        orphan = tokens.create(left, "orphan")
        assert [tokens.authenticate(f"Bearer {text}") for text in (old, gone, orphan)] == [None, None, None]
