"""Guessing passwords is slow: few wrong ones per address and name, more per address, in a sliding window."""

from datetime import timedelta

from django.utils import timezone

from control_plane.web.accounts.models import FailedSignIn

WINDOW = timedelta(minutes=15)
PER_ADDRESS_AND_NAME = 8
PER_ADDRESS = 60


def is_blocked(address: str, name: str) -> bool:
    """Say whether ``address`` has to wait before it may try ``name`` again."""
    recent = FailedSignIn.objects.filter(address=address, at__gt=timezone.now() - WINDOW)
    names = list(recent.values_list("name", flat=True)[:PER_ADDRESS])
    return len(names) >= PER_ADDRESS or names.count(_key(name)) >= PER_ADDRESS_AND_NAME


def note_failure(address: str, name: str) -> None:
    """Remember a wrong password and forget those before the window."""
    now = timezone.now()
    FailedSignIn.objects.filter(at__lte=now - WINDOW).delete()
    FailedSignIn.objects.create(address=address, name=_key(name), at=now)


def forget(address: str, name: str) -> None:
    """Forget the failures of a person who is now signed in."""
    FailedSignIn.objects.filter(address=address, name=_key(name)).delete()


def _key(name: str) -> str:
    return name.strip().lower()[:254]
