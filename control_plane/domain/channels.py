"""Channels of one application: which come first, which follow, and what a recall falls back to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from control_plane.domain.applications import ChannelRule


def first_channels(rules: Sequence[ChannelRule]) -> tuple[ChannelRule, ...]:
    """Return the channels that a release enters from its rehearsal."""
    return tuple(rule for rule in rules if rule.after is None)


def next_channels(rules: Sequence[ChannelRule], channel: str) -> tuple[ChannelRule, ...]:
    """Return the channels that a release may enter from ``channel``."""
    return tuple(rule for rule in rules if rule.after == channel)


def rule_of(rules: Sequence[ChannelRule], channel: str) -> ChannelRule | None:
    """Return the rule of ``channel``, None where the application does not use it."""
    return next((rule for rule in rules if rule.name == channel), None)


@dataclass(frozen=True, slots=True)
class Former:
    """A release that was published in a channel at ``generation``; ``is_fit``: it is verified still and was not recalled."""

    release_id: int
    generation: int
    is_fit: bool


def fallback(former: Iterable[Former], *, recalled_release_id: int) -> Former | None:
    """Return what the channel goes back to: the latest published release before the recalled one that is fit still."""
    candidates = [entry for entry in former if entry.is_fit and entry.release_id != recalled_release_id]
    return max(candidates, key=lambda entry: entry.generation, default=None)
