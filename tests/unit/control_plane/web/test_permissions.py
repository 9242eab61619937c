"""Who may see and do what: every page, every action, every role."""

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

ROLES = ("viewer", "approver", "maintainer", "admin")
PAGES = (
    "/",
    "/applications/miniflux",
    "/applications/miniflux/explain",
    "/applications/gitea/releases/1.25.0",
    "/applications/miniflux/edit",
    "/applications/miniflux/compare",
    "/policies/try",
    "/sources",
    "/accounts",
    "/promotions/{promotion}",
    "/channels",
    "/channels/stable",
    "/rollouts/{rollout}",
    "/fleet",
    "/clusters",
    "/clusters/harbour-03",
    "/audit",
    "/search?q=mini",
    "/settings",
    "/runs/{failed_run}/evidence/pods/miniflux.log",
)
ACTIONS = {
    "/promotions/{promotion}/approve": "approver",
    "/promotions/{promotion}/reject": "approver",
    "/promotions/{promotion}/revoke": "approver",
    "/declare": "maintainer",
    "/declare/review": "maintainer",
    "/declare/apply": "maintainer",
    "/applications/gitea/remove": "maintainer",
    "/applications/gitea/releases": "maintainer",
    "/sources/look": "maintainer",
    "/applications/gitea/quarantines": "maintainer",
    "/applications/gitea/quarantines/1/lift": "maintainer",
    "/applications/gitea/releases/1.25.0/requeue": "maintainer",
    "/applications/gitea/releases/1.25.0/reject": "maintainer",
    "/applications/gitea/releases/1.25.0/withdraw": "maintainer",
    "/applications/gitea/releases/1.25.0/propose": "maintainer",
    "/channels/stable/recall": "maintainer",
    "/channels/stable/drop": "maintainer",
    "/rollouts/{rollout}/halt": "maintainer",
    "/rollouts/{rollout}/resume": "maintainer",
    "/clusters/join": "maintainer",
    "/clusters/harbour-03/token": "maintainer",
    "/clusters/harbour-03/labels": "maintainer",
    "/clusters/harbour-03/remove": "maintainer",
    "/settings/people": "admin",
    "/settings/people/1": "admin",
    "/settings/people/1/password": "admin",
}
OWN = ("/settings/tokens", "/settings/tokens/1/revoke", "/settings/password", "/sign-out")


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_people_who_signed_in(client_of, ids, page):
    path = page.format(**ids)
    answer = client_of("").get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in")
    assert client_of("viewer").get(path).status_code == 200


@pytest.mark.parametrize(("action", "needed"), ACTIONS.items())
def test_lower_roles_are_refused_before_anything_happens(client_of, ids, action, needed):
    for role in ROLES[: ROLES.index(needed)]:
        answer = client_of(role).post(action.format(**ids), {})
        assert answer.status_code == 403, role
        assert f"needs the role {needed}" in answer.content.decode()


@pytest.mark.parametrize("action", [*ACTIONS, *OWN])
def test_actions_are_only_for_people_who_signed_in(client_of, ids, action):
    answer = client_of("").post(action.format(**ids), {})
    assert answer.status_code == 302
    assert answer["Location"] == "/sign-in"


@pytest.mark.parametrize("action", [*ACTIONS, *OWN, "/sign-in", "/settings/theme"])
def test_actions_need_the_forms_secret(client_of, ids, action):
    answer = client_of("admin", enforce_csrf_checks=True).post(action.format(**ids), {})
    assert answer.status_code == 403
    assert "Load the page again" in answer.content.decode()


@pytest.mark.parametrize("action", sorted({*ACTIONS, *OWN} - {"/clusters/join", "/declare"}))
def test_actions_do_nothing_by_link(client_of, ids, action):
    assert client_of("admin").get(action.format(**ids)).status_code == 405


def test_every_path_of_the_dashboard_is_in_these_tables(ids):
    from control_plane.web.accounts.urls import urlpatterns as accounts
    from control_plane.web.dashboard.urls import urlpatterns as dashboard

    tested = [*PAGES, *ACTIONS, *OWN, "/sign-in", "/settings/theme"]
    names = {get_resolver().resolve(path.format(**ids).partition("?")[0]).url_name for path in tested}
    assert {one.name for one in [*accounts, *dashboard] if isinstance(one, URLPattern | URLResolver)} == names


def test_every_form_is_posted_on_both_databases(ids):
    from tests.browser.test_databases import FORMS

    def names(paths):
        return {get_resolver().resolve(path.format(**ids)).url_name for path in paths}

    assert names(path for path, _, _ in FORMS) >= names([*ACTIONS, *OWN])


def test_a_person_may_not_end_anothers_token(client_of, people):
    from control_plane.web.accounts import tokens
    from control_plane.web.accounts.models import ApiToken

    tokens.create(people["admin"], "of the admin")
    token = ApiToken.objects.get(name="of the admin")
    assert client_of("viewer").post(f"/settings/tokens/{token.pk}/revoke").status_code == 403
    token.refresh_from_db()
    assert token.revoked_at is None
