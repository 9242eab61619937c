"""What an agent may believe: signed, unexpired, for its own channel, and never older than what it has seen.

Nothing here writes to the cluster. ``TrustedChannel.poll`` answers ``Unchanged``, ``NothingPublished`` or ``News``, or raises
``Untrusted`` (with a stable code, see ``UntrustedCode``) or ``Unreachable``. After either error everything is as it was before.
"""

from cluster_agent.trust.channel import NothingPublished, TrustedChannel, Unchanged
from cluster_agent.trust.documents import News, UntrustedCode
from cluster_agent.trust.store import DirectoryStore, MetadataStore

__all__ = [
    "DirectoryStore",
    "MetadataStore",
    "News",
    "NothingPublished",
    "TrustedChannel",
    "Unchanged",
    "UntrustedCode",
]
