"""Settings: one's own password, theme and tokens; for administrators people and everybody's tokens."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.store.session import read_scope
from control_plane.web.accounts import people, tokens
from control_plane.web.accounts.access import Request, check, needs
from control_plane.web.accounts.models import ApiToken, User
from control_plane.web.accounts.roles import MAY, Role, allows
from control_plane.web.accounts.views import THEMES
from control_plane.web.dashboard.show import show as show_page

LIFETIMES = {"30": "30 days", "90": "90 days", "365": "1 year", "": "no end"}


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """The settings page."""
    return _page(request)


@needs(Role.ADMIN, methods=("POST",))
def add_person(request: Request) -> HttpResponse:
    """Make a person; the first password is shown once, on this very answer."""
    name = request.POST.get("name", "").strip().lower()
    password = people.person_add(name=name, role=_role(request))
    return _page(request, secret=password, secret_title=f"First password of {name}")


@needs(Role.ADMIN, methods=("POST",))
def change_person(request: Request, person_id: int) -> HttpResponse:
    """Change a person's role, or make the person inactive."""
    person = _person(person_id)
    people.person_change(person, role=_role(request), is_active="is_active" in request.POST)
    messages.success(request, f"{person.name} is changed.")
    return HttpResponseRedirect(reverse("settings"))


@needs(Role.ADMIN, methods=("POST",))
def reset_password(request: Request, person_id: int) -> HttpResponse:
    """Give a person a new first password, shown once."""
    person = _person(person_id)
    return _page(request, secret=people.password_reset(person), secret_title=f"New password of {person.name}")


@needs(Role.VIEWER, methods=("POST",))
def add_token(request: Request) -> HttpResponse:
    """Make a token that acts for the signed-in person; shown once."""
    name, days = request.POST.get("name", "").strip()[:80], request.POST.get("days", "")
    if not name or days not in LIFETIMES:
        raise InvalidInput("a token needs a name that says who uses it, and a lifetime from the list")
    text = tokens.create(request.user, name, lifetime=timedelta(days=int(days)) if days else None)
    return _page(request, secret=text, secret_title=f"Token {name}")


@needs(Role.VIEWER, methods=("POST",))
def revoke_token(request: Request, token_id: int) -> HttpResponse:
    """End a token: one's own, or as an administrator anybody's."""
    token = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    if token is None:
        raise NotFound("there is no such token")
    if token.user != request.user:
        check(request.user, Role.ADMIN)
    ApiToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=timezone.now())
    messages.success(request, f"Token {token.name} is revoked: the next call with it is refused.")
    return HttpResponseRedirect(reverse("settings"))


def _page(request: Request, **once: str) -> HttpResponse:
    is_admin = allows(request.user.role, Role.ADMIN)
    found = ApiToken.objects.select_related("user").filter(revoked_at=None).order_by("-id")
    context = {
        "people": User.objects.order_by("name") if is_admin else [],
        "tokens": found if is_admin else found.filter(user=request.user),
        "roles": list(MAY.items()),
        "lifetimes": list(LIFETIMES.items()),
        "themes": THEMES,
        **once,
    }
    now = timezone.now()
    with read_scope() as session:
        return show_page(request, session, "settings.html", context, now=now)


def _role(request: Request) -> Role:
    try:
        return Role(request.POST.get("role", ""))
    except ValueError:
        raise InvalidInput(f"a role is one of {', '.join(Role)}") from None


def _person(person_id: int) -> User:
    person: User | None = User.objects.filter(pk=person_id).first()
    if person is None:
        raise NotFound("there is no such person")
    return person
