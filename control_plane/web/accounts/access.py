"""Who may see or do what: the one decorator of every view behind the sign-in page."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from control_plane.domain.errors import Forbidden
from control_plane.web.accounts.models import User
from control_plane.web.accounts.roles import Role, allows

View = Callable[..., Any]


class Request(HttpRequest):
    """A request of a signed-in person, as views behind ``needs`` get it."""

    user: User  # narrower than Django's: nobody else gets here


def needs(role: Role, *, methods: tuple[str, ...] = ("GET", "HEAD")) -> Callable[[View], View]:
    """Only signed-in people whose role includes ``role``, by ``methods`` only. Others go to the sign-in page, or get ``Forbidden``."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            check(request.user, role)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def check(user: Any, role: Role) -> None:
    """Raise ``Forbidden`` with the next step unless ``user`` has ``role``."""
    if not allows(user.role, role):
        raise Forbidden(
            f"you are signed in as {user.name}, whose role is {user.role}: this needs the role {role}. "
            "Ask an administrator to change your role under Settings.",
            code="role_missing",
        )


def _to_sign_in(request: Any) -> HttpResponseRedirect:
    target = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    query = "" if target == "/" else "?" + urlencode({"next": target})
    return HttpResponseRedirect(reverse("sign-in") + query)
