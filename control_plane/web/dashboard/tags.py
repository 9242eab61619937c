"""Template tags: icons, states, times, digests. Never colour alone: every state is icon + word + colour."""

import re
from datetime import UTC, datetime
from typing import Any

from django.template import Library
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe

from control_plane.web.assets import asset_url
from control_plane.web.dashboard import words

register = Library()
SHORT_DIGEST = 12
LEAST_ROWS, MOST_ROWS = 18, 48
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?) UTC")
DIGEST_PREFIX = "sha256:"


def icon(name: str, extra: str = "") -> Any:
    """Return the icon ``name`` of the sprite; it is decoration, the word beside it speaks."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra,
        asset_url("icons.svg"),
        name,
    )


def state(kind: str, value: str | None) -> Any:
    """Return a state as icon, word and colour. ``kind`` names its lifecycle, as in ``words``."""
    found = words.state_of(kind, value)
    return format_html(
        '<span class="state state-{}">{}<span>{}</span></span>', found.tone, icon(found.icon, found.motion), found.word
    )


def tone(kind: str, value: str | None) -> str:
    """Return the tone (good, bad, wait, move, quiet) of a state."""
    return words.state_of(kind, value).tone


def when(moment: datetime | None, otherwise: str = "never") -> Any:
    """Return a time, relative to now; the exact one on hover and focus, in the reader's zone once scripts run."""
    if moment is None:
        return format_html('<span class="quiet">{}</span>', otherwise)
    return format_html(
        '<time datetime="{}" title="{} UTC" tabindex="0">{}</time>',
        moment.isoformat(timespec="seconds"),
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        words.relative(moment, timezone.now()),
    )


def due(moment: datetime | None, otherwise: str = "–") -> Any:
    """Return when something comes next; what should have come already comes now."""
    if moment is None or moment > timezone.now():
        return when(moment, otherwise)
    return format_html('<span title="{} UTC">now</span>', moment.strftime("%Y-%m-%d %H:%M:%S"))


def exactly(moment: datetime) -> Any:
    """Return a time as date and minute, in the reader's zone once scripts run."""
    words = f"{moment:%Y-%m-%d %H:%M} UTC"
    return format_html('<time datetime="{}" data-exact>{}</time>', moment.isoformat(), words)


def moments(text: str) -> Any:
    """Return words of the domain in which every moment (``2026-11-24 06:20 UTC``) is a time, shown in the reader's zone."""
    parts, at = [], 0
    for found in _MOMENT.finditer(text):
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        parts += [escape(text[at : found.start()]), exactly(moment)]
        at = found.end()
    return mark_safe("".join([*parts, escape(text[at:])]))  # noqa: S308  every part is escaped


def digest(value: str | None) -> Any:
    """Return a digest shortened, with the whole one to copy."""
    if not value:
        return format_html('<span class="quiet">{}</span>', "not known yet")
    short = value.removeprefix(DIGEST_PREFIX)[:SHORT_DIGEST]
    return format_html(
        '<span class="digest"><code title="{0}">{1}</code>'
        '<button type="button" class="copy" data-copy="{0}" aria-label="Copy digest {1}" hidden>{2}</button></span>',
        value,
        short,
        icon("copy"),
    )


def short(text: str) -> str:
    """Return ``text`` with its digests shortened."""
    return re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]{52}", r"\1…", text)


def between(start: datetime, end: datetime | None) -> str:
    """Return how long it took, or has taken so far."""
    return words.duration(((end or timezone.now()) - start).total_seconds())


def size(count: int) -> str:
    """Return bytes for people."""
    return words.bytes_in_words(count)


def percent(part: int, whole: int) -> float:
    """Return 0 to 100."""
    return round(100 * part / whole, 2) if whole else 0.0


def get(mapping: dict[Any, Any], key: Any) -> Any:
    """Return ``mapping[key]`` or None."""
    return mapping.get(key)


def rows(text: str) -> int:
    """Return how many rows a field needs to show ``text``."""
    return max(LEAST_ROWS, min(text.count("\n") + 3, MOST_ROWS))


for tag in (icon, state, tone, when, exactly, due, digest, between, percent):
    register.simple_tag(tag)
register.simple_tag(asset_url, name="asset")
register.filter("moments", moments)
register.filter("short", short)
register.filter("size", size)
register.filter("get", get)
register.filter("rows", rows)
