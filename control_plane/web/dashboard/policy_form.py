"""A policy as the fields of a form: what people change most. What the fields do not show stays as it is in the file. PURE."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import get_args

import msgspec

from control_plane.domain.applications import SAME_AS_CHART
from control_plane.domain.versions.policy import Dialect, Policy, Prereleases
from control_plane.upstreams.fields import duration_text
from control_plane.upstreams.policy_text import parse_policy, policy_fields

DIALECTS: tuple[str, ...] = get_args(Dialect)
PRERELEASES = tuple((name, name.replace("-", " ")) for name in get_args(Prereleases))
MAJORS = (("follow", "taken"), ("ask", "by a person"))


@dataclass(frozen=True, slots=True)
class PolicyFields:
    """The fields of one upstream as texts. ``dialect`` is ``same-as-chart`` where the chart's tag is wanted: the rest says nothing then."""

    dialect: str = "helm"
    rule: str = "*"
    age: str = ""
    majors: str = "follow"
    prereleases: str = "as-the-rule-says"
    behind: str = "0"

    @property
    def follows_chart(self) -> bool:
        """Whether there is no policy of its own."""
        return self.dialect == SAME_AS_CHART

    @property
    def written(self) -> str:
        """The fields as one text: what a form remembers of the file that it was made from."""
        return msgspec.json.encode(SAME_AS_CHART if self.follows_chart else asdict(self)).decode()


def fields_of(policy: Policy | None) -> PolicyFields:
    """Return the fields that show a policy."""
    if policy is None:
        return PolicyFields(dialect=SAME_AS_CHART)
    guards = policy.guards
    return PolicyFields(
        dialect=policy.dialect,
        rule=policy.rule,
        age=duration_text(guards.minimum_age_seconds) if guards.minimum_age_seconds else "",
        majors=guards.majors,
        prereleases=guards.prereleases,
        behind=str(guards.behind),
    )


def posted_fields(post: Mapping[str, str], alias: str) -> PolicyFields:
    """Return what a person wrote into an upstream's fields; what is left out is as it is by default."""
    given = {name: post.get(f"{name}.{alias}", "").strip() for name in PolicyFields.__dataclass_fields__}
    return PolicyFields(**{name: text for name, text in given.items() if text or name == "rule"})


def policy_of(fields: PolicyFields, before: Policy | None) -> Policy | None:
    """Return the policy that the fields say, with the rest of ``before``. Raises ``InvalidInput``."""
    if fields.follows_chart:
        return None
    said = policy_fields(before) if before is not None else {}
    said |= {"dialect": fields.dialect, "rule": fields.rule, "majors": fields.majors, "prereleases": fields.prereleases}
    said |= {
        "minimumAge": fields.age or "0s",
        "behind": int(fields.behind) if fields.behind.isdecimal() else fields.behind,
    }
    return parse_policy(said, file="")
