"""The upgrade that a channel's clusters would make for a promotion: was that very one rehearsed, and what does its way back need? PURE.

A rehearsal starts from what the first channel has. A later channel is often further behind: its clusters make an upgrade that nobody saw.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Upgrade:
    """From the release that a channel has (``before``) to the one that would enter it (``after``), as versions.

    ``contract`` is what rehearsal ``run`` proved of the way back; both are None where this upgrade was not rehearsed.
    ``rehearsed_from``: the versions from which ``after`` was.
    """

    before: str
    after: str
    contract: str | None = None
    run: int | None = None
    rehearsed_from: tuple[str, ...] = ()

    @property
    def is_rehearsed(self) -> bool:
        """Whether a rehearsal passed that went from the one to the other."""
        return self.run is not None

    @property
    def words(self) -> str:
        """Say it to a person who decides."""
        path = f"{self.before} → {self.after}"
        if self.is_rehearsed:
            return (
                f"the upgrade {path} was rehearsed in run {self.run}: {_WAYS_BACK.get(self.contract or '', _UNKNOWN)}"
            )
        instead = (
            f"only from {', '.join(self.rehearsed_from)}" if self.rehearsed_from else "only as a first installation"
        )
        return f"this upgrade was not rehearsed: {path} ({instead})"


_WAYS_BACK = {
    "reversible": "reversible",
    "restore-required": "restore-required, the way back needs the backup",
    "one-way": "one-way, the former version does not work on the new data",
}
_UNKNOWN = "what its way back needs is not known"
