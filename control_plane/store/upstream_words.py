"""What a stored upstream wants, in words."""

import msgspec

from control_plane.domain.versions.policy import Policy
from control_plane.domain.versions.words import policy_words
from control_plane.store.models import Upstream


def words_of(upstream: Upstream) -> str:
    """Return the upstream's policy in one line."""
    return policy_words(msgspec.convert(upstream.policy, Policy) if upstream.policy is not None else None)
