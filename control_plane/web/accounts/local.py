"""The person ``local``: whoever may read the data directory, by the CLI on the same machine. Cannot sign in to pages."""

from control_plane.web.accounts import tokens
from control_plane.web.accounts.models import User
from control_plane.web.accounts.roles import Role

LOCAL_NAME = "local"
TOKEN_NAME = "cli on this machine"  # noqa: S105  a label


def ensure_local_token(known: str | None) -> str | None:
    """Return a new token for ``local``, or None if ``known`` still works."""
    if known is not None and tokens.authenticate(f"Bearer {known}") is not None:
        return None
    person, is_new = User.objects.get_or_create(name=LOCAL_NAME, defaults={"role": Role.MAINTAINER.value})
    if is_new:
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return tokens.create(person, TOKEN_NAME)
