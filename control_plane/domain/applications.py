"""What a maintainer declares about an application: its upstreams, policy, suite, rehearsal, backup and channels.

The application file (``apiVersion: tidegate.dev/v1``) is parsed to these types by ``control_plane.upstreams.application_file``;
they are stored as canonical JSON and are the only form of a declaration inside Tidegate.
"""

from typing import Any, Literal

from cluster_agent.contract import BackupStep
from cluster_agent.contract.manifest import Struct

SAME_AS_CHART = "same-as-chart"


class ChartUpstream(Struct, frozen=True, kw_only=True):
    """An OCI Helm chart. ``oci`` has neither scheme nor tag; ``version`` is a Helm range."""

    oci: str
    version: str = "*"


class ImageUpstream(Struct, frozen=True, kw_only=True):
    """An OCI image. ``tag`` is a Helm range over its tags, or ``same-as-chart``: it must exist before the release does."""

    name: str
    tag: str = SAME_AS_CHART


class ChannelRule(Struct, frozen=True, kw_only=True):
    """How a release enters the channel ``name``.

    From the rehearsal (``after`` is None), or from the channel ``after`` once it has been there for ``soak_seconds``
    and ``approvals`` people have agreed. No approvals: it enters by itself.
    """

    name: str
    after: str | None = None
    soak_seconds: float = 0.0
    approvals: int = 0


class RehearsalRule(Struct, frozen=True, kw_only=True):
    """``timeout_seconds`` bounds the whole run; ``values`` are Helm values used in the rehearsal only."""

    timeout_seconds: float = 900.0
    values: dict[str, Any] = {}


class Declaration(Struct, frozen=True, kw_only=True):
    """An application as declared. ``suite_digest`` names the stored archive of its suite's folder; ``poll_seconds`` how often to look.

    ``timeout_seconds`` is how long a change may take in a cluster before it counts as failed.
    """

    name: str
    chart: ChartUpstream
    namespace: str
    channels: tuple[ChannelRule, ...]
    description: str = ""
    images: tuple[ImageUpstream, ...] = ()
    poll_seconds: float = 60.0
    timeout_seconds: float = 300.0
    values: dict[str, Any] = {}
    suite_digest: str | None = None
    rehearsal: RehearsalRule = RehearsalRule()
    backup: tuple[BackupStep, ...] = ()


UpstreamKind = Literal["chart", "image"]
