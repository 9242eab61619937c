"""What a maintainer declares about an application: its upstreams, policy, suite, rehearsal, backup and channels.

The application file (``apiVersion: tidegate.dev/v1``) is parsed to these types by ``control_plane.upstreams.application_file``;
they are stored as canonical JSON and are the only form of a declaration inside Tidegate.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from cluster_agent.contract import BackupStep
from cluster_agent.contract.manifest import Struct
from control_plane.domain.errors import Refused
from control_plane.domain.schedules import Schedule
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.policy import Policy

SAME_AS_CHART = "same-as-chart"
CHART = "chart"  # the chart's alias
Role = Literal["chart", "image", "other"]


class ChartUpstream(Struct, frozen=True, kw_only=True):
    """The chart, in one of three places: ``oci``, a repository without scheme and tag; ``helm``, the URL of a repository with an index,
    and the chart's ``name``; ``git``, a URL, and the ``path`` of a folder with a Chart.yaml or with YAML.

    ``branch`` (git): its commits are followed, not tags. ``version`` is a Helm range or a whole policy.
    """

    oci: str = ""
    helm: str = ""
    name: str = ""
    git: str = ""
    path: str = ""
    branch: str = ""
    version: str | Policy = "*"

    @property
    def source(self) -> SourceSpec:
        """Where its versions appear."""
        if self.helm:
            return SourceSpec(kind="helm", location=self.helm, name=self.name)
        if self.git:
            return SourceSpec(kind="git", location=self.git, path=self.path, branch=self.branch)
        return SourceSpec(kind="oci", location=self.oci)


class ImageUpstream(Struct, frozen=True, kw_only=True):
    """An OCI image. ``tag`` is ``same-as-chart`` (it must exist before the release does), a Helm range over its tags, or a policy.

    ``alias`` is its name within the application; empty: the last part of ``name``. ``set`` are the Helm values that get the chosen tag
    (``image.tag``).
    """

    name: str
    tag: str | Policy = SAME_AS_CHART
    alias: str = ""
    set: tuple[str, ...] = ()


class OtherUpstream(Struct, frozen=True, kw_only=True):
    """A further place that must agree. ``name`` is its alias; ``version`` as an image's tag."""

    name: str
    source: SourceSpec
    version: str | Policy = SAME_AS_CHART


class UpstreamSpec(Struct, frozen=True, kw_only=True):
    """What an application wants of a place. ``policy`` is None where the chart's version is wanted.

    ``set_values`` are the Helm values that get the chosen tag.
    """

    role: Role
    alias: str
    source: SourceSpec
    policy: Policy | None
    set_values: tuple[str, ...] = ()


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
    """An application as declared. ``suite_digest`` names the stored archive of its suite's folder.

    ``others`` are places besides chart and images; ``together`` says which versions go together (``versions.combining``).
    Looked at every ``poll_seconds``, or by ``cron`` in ``zone``. ``timeout_seconds`` is how long a change may take in a cluster before
    it counts as failed.
    """

    name: str
    chart: ChartUpstream
    namespace: str
    channels: tuple[ChannelRule, ...]
    description: str = ""
    images: tuple[ImageUpstream, ...] = ()
    others: tuple[OtherUpstream, ...] = ()
    together: str = ""
    poll_seconds: float = 60.0
    cron: str = ""
    zone: str = "UTC"
    timeout_seconds: float = 300.0
    values: dict[str, Any] = {}
    suite_digest: str | None = None
    rehearsal: RehearsalRule = RehearsalRule()
    backup: tuple[BackupStep, ...] = ()

    @property
    def schedule(self) -> Schedule:
        """When its places are looked at."""
        return Schedule(self.poll_seconds, self.cron, self.zone)

    @property
    def upstreams(self) -> tuple[UpstreamSpec, ...]:
        """Every place that it wants versions of: the chart, the images, the others. Aliases are unique."""
        chart = UpstreamSpec(role="chart", alias=CHART, source=self.chart.source, policy=_chart_policy(self.chart))
        images = [
            UpstreamSpec(
                role="image",
                alias=alias,
                source=SourceSpec(kind="oci", location=image.name),
                policy=policy_of(image.tag),
                set_values=image.set,
            )
            for alias, image in _by_alias(self.images).items()
        ]
        others = [
            UpstreamSpec(role="other", alias=one.name, source=one.source, policy=policy_of(one.version))
            for one in self.others
        ]
        return (chart, *images, *others)


def read_declaration(stored: dict[str, Any]) -> Declaration:
    """Read a declaration as stored, also one that an earlier Tidegate stored. Raises ``msgspec.ValidationError``."""
    return msgspec.convert(stored, Declaration)


def check_namespace(before: Declaration, after: Declaration, channels: Sequence[str]) -> None:
    """Raise ``Refused`` where the namespace would change while ``channels`` have the application: clusters run it in the former one."""
    if before.namespace != after.namespace and channels:
        raise Refused(
            f"spec.namespace cannot change from {before.namespace!r} to {after.namespace!r} while {', '.join(channels)} "
            f"{'has' if len(channels) == 1 else 'have'} {after.name}: an upgrade moves no data to another namespace. "
            f"Leave first: `tidegate channel drop CHANNEL {after.name}`",
            code="namespace_in_use",
        )


def policy_of(wanted: str | Policy) -> Policy | None:
    """Return the policy that a text (a Helm range) stands for; None for ``same-as-chart``."""
    if isinstance(wanted, Policy):
        return wanted
    return None if wanted == SAME_AS_CHART else Policy(rule=wanted)


def _by_alias(images: tuple[ImageUpstream, ...]) -> dict[str, ImageUpstream]:
    """Return images by their names within the application. The file's reader wants them unique; what was stored earlier may not be."""
    found: dict[str, ImageUpstream] = {}
    for image in images:
        alias = image.alias or image.name.rpartition("/")[2]
        found[image.name if alias in found or alias == CHART else alias] = image
    return found


def _chart_policy(chart: ChartUpstream) -> Policy | None:
    """A branch has one name: without a policy of its own, its newest commit is taken."""
    if chart.branch and chart.version == "*":
        return Policy(dialect="argocd-digest", rule=chart.branch, digest=True)
    return policy_of(chart.version)
