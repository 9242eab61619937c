"""Django made ready outside the web server: for migrations and the first sign-in."""

import os


def set_up_django() -> None:
    """Load Django with our settings; a second call does nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "control_plane.web.django_settings")
    import django

    django.setup()
