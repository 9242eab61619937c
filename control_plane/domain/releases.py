"""Release: is it fit? ``failed`` is the release's fault; ``errored`` means that we could not tell."""

from enum import StrEnum

import msgspec

from control_plane.domain.lifecycle import Lifecycle, Move
from control_plane.domain.sources import Notes


class ReleaseState(StrEnum):
    """Fitness of a release."""

    DISCOVERED = "discovered"
    QUEUED = "queued"
    TESTING = "testing"
    VERIFIED = "verified"
    FAILED = "failed"
    ERRORED = "errored"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


_S = ReleaseState

RELEASE = Lifecycle(
    "release",
    _S.DISCOVERED,
    [
        Move(_S.DISCOVERED, _S.QUEUED, "every digest is known: waits for a cluster"),
        Move(_S.DISCOVERED, _S.FAILED, "the chart does not render or an image does not exist"),
        Move(_S.DISCOVERED, _S.SUPERSEDED, "a newer release was discovered before this one was rehearsed"),
        Move(_S.QUEUED, _S.TESTING, "a worker took it"),
        Move(_S.QUEUED, _S.SUPERSEDED, "a newer release was discovered before this one was rehearsed"),
        Move(_S.TESTING, _S.VERIFIED, "the rehearsal passed"),
        Move(_S.TESTING, _S.FAILED, "the rehearsal failed: the release is bad"),
        Move(_S.TESTING, _S.ERRORED, "the rehearsal could not tell, or its worker was lost"),
        Move(_S.ERRORED, _S.QUEUED, "tried again, by the sweeper within its limit or by a person"),
        Move(_S.FAILED, _S.QUEUED, "a person asks for another rehearsal"),
        Move(_S.FAILED, _S.DISCOVERED, "a person asks again, and its digests are not known yet"),
        Move(_S.VERIFIED, _S.WITHDRAWN, "a person takes it back"),
        *(
            Move(state, _S.REJECTED, "a person says no")
            for state in (_S.DISCOVERED, _S.QUEUED, _S.VERIFIED, _S.FAILED, _S.ERRORED)
        ),
    ],
)

OPEN_STATES = (_S.DISCOVERED, _S.QUEUED)
GIVEN_UP = (_S.FAILED, _S.REJECTED, _S.WITHDRAWN)


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one upstream gave to a release: the tag, the version it stands for, the digest it named, and what is said about it."""

    tag: str
    version: str
    digest: str
    notes: Notes | None = None
