"""Which clusters a page shows, from its address. What cannot be read narrows nothing, and is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from control_plane.domain.errors import InvalidInput
from control_plane.domain.labels import Term, parse_selector
from control_plane.store.queries.fleet import FleetFilter

NAMES = ("channel", "state", "label", "contact", "application", "version")
CONTACTS = {
    "recent": ("in the last 5 minutes", timedelta(minutes=5)),
    "hour": ("more than an hour ago", timedelta(hours=1)),
    "day": ("more than a day ago", timedelta(days=1)),
    "week": ("more than a week ago", timedelta(days=7)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """``given`` are the fields as texts; ``wanted`` is what they mean; ``problem`` says what in them cannot be read."""

    given: dict[str, str]
    wanted: FleetFilter
    problem: str = ""

    @property
    def query(self) -> str:
        """The fields as part of an address, without those of the cell that a person came by."""
        return urlencode(
            {key: text for key, text in self.given.items() if text and key not in ("application", "version")}
        )

    @property
    def whole_query(self) -> str:
        """All fields as part of an address."""
        return urlencode({key: text for key, text in self.given.items() if text})

    @property
    def narrows(self) -> bool:
        """Whether any field is given."""
        return any(self.given.values())


def asked(query: Mapping[str, str], now: datetime) -> Asked:
    """Read the fields of a page's address."""
    given = {name: query.get(name, "").strip()[:500] for name in NAMES}
    selector, problem = _selector(given["label"])
    after, before = _contact(given["contact"], now)
    wanted = FleetFilter(
        channel=given["channel"],
        state=given["state"],
        selector=selector,
        heard_after=after,
        heard_before=before,
        application=given["application"],
        version=given["version"],
    )
    return Asked(given, wanted, problem)


def _selector(text: str) -> tuple[tuple[Term, ...], str]:
    try:
        return parse_selector(text), ""
    except InvalidInput as error:
        return (), error.message


def _contact(name: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    if name not in CONTACTS:
        return None, None
    moment = now - CONTACTS[name][1]
    return (moment, None) if name == "recent" else (None, moment)
