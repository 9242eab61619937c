"""Brings Django's own tables (people, sessions, tokens) to their newest revision."""

from control_plane.web.accounts.boot import set_up_django


def upgrade_accounts() -> None:
    """Migrate; nothing happens where that was done before."""
    set_up_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
