"""Who calls the maintainers' API: a bearer token of a person or of a program, and what its role may do."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from control_plane.domain.errors import Forbidden
from control_plane.web.accounts import tokens
from control_plane.web.accounts.roles import Role, allows


class TokenAuth(HttpBearer):
    """Sets ``request.auth`` to the caller's ``Identity``."""

    def authenticate(self, request: HttpRequest, token: str) -> tokens.Identity | None:
        """Return the identity behind ``token``, or None."""
        del request
        return tokens.authenticate(f"Bearer {token}")


def caller(request: HttpRequest, needed: Role) -> str:
    """Return the caller's name for the audit log; ``Forbidden`` if its role does not include ``needed``."""
    identity: tokens.Identity = request.auth  # type: ignore[attr-defined]  # ninja sets it
    if not allows(identity.role, needed):
        raise Forbidden(
            f"{identity.actor} is {identity.role}: this needs the role {needed}. Ask an administrator.",
            code="role_missing",
        )
    return identity.actor
