"""How states, times and sizes are said: one table per lifecycle, the same icon, word and tone on every page. PURE."""

from dataclasses import dataclass
from datetime import datetime

TONES = ("good", "bad", "wait", "move", "quiet")


@dataclass(frozen=True, slots=True)
class State:
    """``tone`` gives the colour; ``motion`` is a class of the icon (``spin`` while something runs)."""

    word: str
    icon: str
    tone: str
    motion: str = ""


STATES: dict[str, dict[str, State]] = {
    "release": {
        "discovered": State("discovered", "radar", "move"),
        "queued": State("waits for a cluster", "hourglass", "wait"),
        "testing": State("rehearsing", "loader-circle", "move", "spin"),
        "verified": State("verified", "circle-check", "good"),
        "failed": State("failed", "circle-x", "bad"),
        "errored": State("could not tell", "circle-help", "wait"),
        "rejected": State("rejected", "ban", "bad"),
        "superseded": State("superseded", "skip-forward", "quiet"),
        "withdrawn": State("withdrawn", "undo-2", "quiet"),
    },
    "promotion": {
        "proposed": State("soaking", "hourglass", "wait"),
        "awaiting_approval": State("needs approval", "user-check", "wait"),
        "approved": State("approved", "thumbs-up", "move"),
        "published": State("published", "circle-check", "good"),
        "superseded": State("superseded", "skip-forward", "quiet"),
        "recalled": State("recalled", "undo-2", "bad"),
        "left": State("left the channel", "archive", "quiet"),
        "rejected": State("rejected", "ban", "bad"),
        "cancelled": State("cancelled", "circle-slash", "quiet"),
    },
    "rollout": {
        "planned": State("planned", "clock", "quiet"),
        "rolling": State("rolling out", "loader-circle", "move", "spin"),
        "halted": State("halted", "octagon-pause", "bad"),
        "completed": State("completed", "circle-check", "good"),
        "aborted": State("replaced", "skip-forward", "quiet"),
    },
    "verdict": {
        "passed": State("passed", "circle-check", "good"),
        "failed": State("failed", "circle-x", "bad"),
        "errored": State("could not tell", "circle-help", "wait"),
        "": State("running", "loader-circle", "move", "spin"),
    },
    "step": {
        "running": State("running", "loader-circle", "move", "spin"),
        "passed": State("passed", "circle-check", "good"),
        "failed": State("failed", "circle-x", "bad"),
        "errored": State("could not tell", "circle-help", "wait"),
        "skipped": State("skipped", "skip-forward", "quiet"),
    },
    "outcome": {
        "applying": State("applying", "loader-circle", "move", "spin"),
        "healthy": State("healthy", "circle-check", "good"),
        "rolled_back": State("rolled back", "undo-2", "bad"),
        "failed": State("failed", "circle-x", "bad"),
        "refused": State("refused", "shield-x", "bad"),
        "observed": State("in contact", "radio", "quiet"),
        "left": State("left the channel, stays", "octagon-pause", "wait"),
        "uninstalled": State("left, uninstalled", "archive", "quiet"),
    },
    "cluster": {
        "healthy": State("healthy", "circle-check", "good"),
        "applying": State("applying", "loader-circle", "move", "spin"),
        "troubled": State("needs help", "circle-x", "bad"),
        "silent": State("silent", "wifi-off", "bad"),
        "waiting": State("nothing installed yet", "clock", "quiet"),
        "invited": State("not joined yet", "mail", "quiet"),
    },
    "guard": {
        "done": State("done", "circle-check", "good"),
        "waiting": State("waiting", "hourglass", "wait"),
        "unproved": State("unproved", "circle-help", "wait"),
        "refused": State("refused", "circle-x", "bad"),
    },
    "choice": {
        "chosen": State("chosen", "circle-check", "good"),
        "matches": State("matches", "thumbs-up", "quiet"),
        "waits": State("waits", "hourglass", "wait"),
        "out": State("left out", "circle-slash", "quiet"),
        "moved": State("names another digest", "circle-help", "wait"),
    },
    "contract": {
        "reversible": State("reversible", "undo-2", "good"),
        "restore-required": State("needs a restore", "database-backup", "wait"),
        "one-way": State("one way", "arrow-right-to-line", "bad"),
        "unknown": State("not known", "circle-help", "quiet"),
    },
    "host": {
        "answers": State("answers", "circle-check", "good"),
        "fails": State("fails", "circle-help", "wait"),
        "left": State("left alone", "octagon-pause", "wait"),
    },
    "logs": {
        "sound": State("sound", "circle-check", "good"),
        "damaged": State("damaged", "shield-x", "bad"),
    },
    "upstream": {
        "answers": State("answers", "circle-check", "good"),
        "unknown": State("does not answer", "cloud-off", "bad"),
        "new": State("not looked yet", "clock", "quiet"),
    },
}


def state_of(kind: str, value: str | None) -> State:
    """Return how the state ``value`` of the lifecycle ``kind`` is shown. An unknown one is shown as it is."""
    return STATES[kind].get(value or "", State((value or "unknown").replace("_", " "), "circle-help", "quiet"))


_UNITS = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"))
MOMENT_SECONDS = 5


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: ``3 min 20 s``."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    left, parts = int(seconds), []
    for length, unit in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
        elif parts:
            break
    return " ".join(parts[:2])


def relative(moment: datetime, now: datetime) -> str:
    """Return ``moment`` as seen from ``now``: ``3 min ago``, ``in 2 h``."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < MOMENT_SECONDS:
        return "just now" if seconds >= 0 else "now"
    words = _largest(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _largest(seconds: float) -> str:
    length, unit = next(pair for pair in _UNITS if seconds >= pair[0])
    count = int(seconds // length)
    return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"


def bytes_in_words(count: int) -> str:
    """Return a size: ``512 B``, ``3.4 kB``, ``1.2 MB``."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"
