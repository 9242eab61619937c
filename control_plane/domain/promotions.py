"""Promotion: may this release enter this channel?"""

from enum import StrEnum

from control_plane.domain.lifecycle import Lifecycle, Move


class PromotionState(StrEnum):
    """Way of one release into one channel."""

    PROPOSED = "proposed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    RECALLED = "recalled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


_S = PromotionState

PROMOTION = Lifecycle(
    "promotion",
    _S.PROPOSED,
    [
        Move(_S.PROPOSED, _S.AWAITING_APPROVAL, "it has soaked: people are asked"),
        Move(_S.PROPOSED, _S.APPROVED, "it has soaked and needs nobody's approval"),
        Move(_S.AWAITING_APPROVAL, _S.APPROVED, "enough approvals for this very digest"),
        Move(_S.APPROVED, _S.AWAITING_APPROVAL, "an approval was revoked before it was published"),
        Move(_S.APPROVED, _S.PUBLISHED, "every guard held in the publishing transaction"),
        Move(_S.PUBLISHED, _S.SUPERSEDED, "another release of the application was published in the channel"),
        Move(_S.PUBLISHED, _S.RECALLED, "a person recalls it; the fallback is published at a higher generation"),
        *(Move(state, _S.REJECTED, "a person says no") for state in (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)),
        *(
            Move(state, _S.CANCELLED, "a newer release took its place, or it is no longer fit")
            for state in (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)
        ),
    ],
)

OPEN_STATES = (_S.PROPOSED, _S.AWAITING_APPROVAL, _S.APPROVED)
