"""Guessing passwords is slow: few wrong ones per address and name, more per address, in a sliding window.

What a clock that was ahead wrote counts for nothing: else everybody would be locked out until that time comes.
"""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from control_plane.web.accounts.models import FailedSignIn

WINDOW = timedelta(minutes=15)
CLOCKS_DIFFER = timedelta(minutes=2)  # of the machines that answer sign-ins
PER_ADDRESS_AND_NAME = 8
PER_ADDRESS = 60


def is_blocked(address: str, name: str) -> bool:
    """Say whether ``address`` has to wait before it may try ``name`` again."""
    recent = FailedSignIn.objects.filter(_in_window(timezone.now()), address=address)
    names = list(recent.values_list("name", flat=True)[:PER_ADDRESS])
    return len(names) >= PER_ADDRESS or names.count(_key(name)) >= PER_ADDRESS_AND_NAME


def note_failure(address: str, name: str) -> None:
    """Remember a wrong password and forget those outside of the window."""
    now = timezone.now()
    FailedSignIn.objects.exclude(_in_window(now)).delete()
    FailedSignIn.objects.create(address=address, name=_key(name), at=now)


def forget(address: str, name: str) -> None:
    """Forget the failures of a person who is now signed in."""
    FailedSignIn.objects.filter(address=address, name=_key(name)).delete()


def _in_window(now: datetime) -> Q:
    return Q(at__gt=now - WINDOW, at__lte=now + CLOCKS_DIFFER)


def _key(name: str) -> str:
    return name.strip().lower()[:254]
