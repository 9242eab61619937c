"""Accounts for tests, as an origin of them lists them."""

from control_plane.domain.accounts import Kind, scope_of
from control_plane.upstreams.credentials import Account, Accounts, Entry, Fixed


def entry(
    place: str, user: str = "me", secret: str = "s3cret", kind: Kind = "password", application: str = ""
) -> Entry:
    account = Account(user, secret, kind)
    return Entry(scope=scope_of(place, application), origin="test", read=lambda: account, user=user, kind=kind)


def accounts(*entries: Entry) -> Accounts:
    return Accounts(Fixed(entries))


class Heard:
    """Listens to how accounts are used: ``(user, what was said)``."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def __call__(self, account: Account, refused: str) -> None:
        self.said.append((account.user, refused))
