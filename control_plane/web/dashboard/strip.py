"""The strip "needs you": what waits for a person, said in one line each, with its one action. PURE."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from control_plane.store.queries.needs_you import Need

MOST_OF_A_KIND = 3


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the strip. ``action`` is the label of the link ``href``."""

    icon: str
    tone: str
    title: str
    words: str
    since: datetime | None
    href: str
    action: str


PLURALS = {
    "approval": ("user-check", "wait", "promotions wait for approval", "/", "See the overview"),
    "halted": ("octagon-pause", "bad", "rollouts are halted", "/channels", "See the channels"),
    "unfit": ("circle-x", "bad", "releases did not pass", "/", "See the overview"),
    "silent": ("wifi-off", "bad", "clusters are silent", "/clusters?state=silent", "See them"),
    "troubled": ("circle-x", "bad", "applications in clusters need help", "/clusters?state=troubled", "See them"),
    "lost": ("circle-x", "bad", "releases have lost their charts", "/", "See the overview"),
    "unknown": ("cloud-off", "wait", "places where versions appear do not answer", "/sources", "See them"),
}
ORDER = ("halted", "approval", "unfit", "lost", "troubled", "silent", "unknown")


def items(needs: Iterable[Need], *, warnings: Iterable[str] = ()) -> list[Item]:
    """Return the strip's lines: what stops clusters first; many of a kind become one line."""
    by_kind: dict[str, list[Need]] = defaultdict(list)
    for need in needs:
        by_kind[need.kind].append(need)
    lines = [
        Item("key-round", "wait", "The channel's signatures need you", words, None, "/channels", "See the channels")
        for words in warnings
    ]
    for kind in ORDER:
        found = by_kind[kind]
        if len(found) > MOST_OF_A_KIND:
            icon, tone, title, href, action = PLURALS[kind]
            lines.append(Item(icon, tone, f"{len(found)} {title}", "", found[-1].since, href, action))
        else:
            lines.extend(_line(need) for need in found)
    return lines


def _line(need: Need) -> Item:
    what = f"{need.application} {need.version}".strip()
    cluster, release = f"/clusters/{quote(need.place)}", f"/applications/{quote(need.application)}"
    match need.kind:
        case "approval":
            title, href = f"{what} → {need.place} waits for approval", f"/promotions/{need.id}"
            return Item("user-check", "wait", title, need.words, need.since, href, "Decide")
        case "halted":
            title = f"Rollout of {need.place}, generation {need.version}, is halted"
            return Item("octagon-pause", "bad", title, need.words, need.since, f"/rollouts/{need.id}", "Look")
        case "unfit":
            # Also a release that never came as far as its rehearsal: the words say what broke.
            title = f"{what} failed" if need.place == "failed" else f"{what}: the rehearsal could not tell"
            href = f"{release}/releases/{quote(need.version)}"
            return Item("circle-x", "bad", title, need.words, need.since, href, "See why")
        case "lost":
            href = f"{release}/releases/{quote(need.version)}"
            return Item("circle-x", "bad", f"The chart of {what} is lost", need.words, need.since, href, "See why")
        case "silent":
            return Item("wifi-off", "bad", f"Cluster {need.place} is silent", "", need.since, cluster, "Look")
        case "troubled":
            title = f"{need.application} in {need.place} needs help"
            return Item("circle-x", "bad", title, need.words, need.since, cluster, "Look")
        case _:
            title = f"{need.place} does not answer"
            return Item("cloud-off", "wait", title, need.words, need.since, f"/sources#source-{need.id}", "Look")
