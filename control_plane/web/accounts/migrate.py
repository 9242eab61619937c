"""Brings Django's own tables (people, sessions, tokens) to their newest revision."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "control_plane.web.django_settings")


def upgrade_accounts() -> None:
    """Migrate; nothing happens where that was done before."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
