"""What every page's template may use."""

from typing import Any

from django.http import HttpRequest

from control_plane.web.accounts.roles import Role, allows
from control_plane.web.accounts.views import THEME_COOKIE, THEMES


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the theme and what the signed-in person may do."""
    theme = request.COOKIES.get(THEME_COOKIE, "system")
    user = getattr(request, "user", None)
    role = user.role if user is not None and user.is_authenticated else ""
    return {
        "theme": theme if theme in THEMES else "system",
        "may_approve": allows(role, Role.APPROVER),
        "may_operate": allows(role, Role.MAINTAINER),
        "may_manage": allows(role, Role.ADMIN),
    }
