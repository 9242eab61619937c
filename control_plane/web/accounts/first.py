"""What the first start makes: an administrator whose password is printed once, and a token for this machine's CLI."""

from control_plane.web.accounts.boot import set_up_django

LOCAL_TOKEN_NAME = "command line on the control plane's machine"  # noqa: S105  a name, no secret


def ensure_first_admin() -> str | None:
    """Make the first administrator if there is nobody yet; return the password to print once, else None."""
    set_up_django()
    from control_plane.web.accounts import people

    return people.ensure_first_admin()


def ensure_local_token() -> str | None:
    """Make the token of the local CLI, which acts for the first active administrator; None if there is one."""
    set_up_django()
    from control_plane.web.accounts import tokens
    from control_plane.web.accounts.models import ApiToken, User
    from control_plane.web.accounts.roles import Role

    if ApiToken.objects.filter(name=LOCAL_TOKEN_NAME, revoked_at=None).exists():
        return None
    admin = User.objects.filter(role=Role.ADMIN.value, is_active=True).order_by("id").first()
    return tokens.create(admin, LOCAL_TOKEN_NAME) if admin else None
