"""Brings the tables of accounts and sessions up to date."""

from control_plane.web.accounts.boot import set_up_django


def upgrade_accounts() -> None:
    """Apply Django's migrations."""
    set_up_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
