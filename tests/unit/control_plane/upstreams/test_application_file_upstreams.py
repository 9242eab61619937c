"""Where the application file says that versions appear, and which of them it wants: what it is read to, and its mistakes."""

import msgspec
import pytest

from cluster_agent.contract import canonical_json
from control_plane.domain.applications import CHART, ChartUpstream, Declaration, UpstreamSpec, read_declaration
from control_plane.domain.errors import InvalidInput
from control_plane.domain.schedules import Schedule
from control_plane.domain.sources import SourceSpec
from control_plane.domain.versions.policy import Filter, Guards, Policy
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.policy_file import EXAMPLES

HEAD = "apiVersion: tidegate.dev/v1\nkind: Application\nmetadata: {name: web}\nspec:\n  channels: [{name: edge}]\n"
OCI = "  chart: {oci: ghcr.io/acme/web}\n"


def declared(spec: str) -> Declaration:
    return parse_application_file(HEAD + spec)


def mistakes(spec: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_application_file(HEAD + spec, file="app.yaml")
    return [str(mistake).replace("\n    ", " → ") for mistake in caught.value.mistakes]


def chart(spec: str) -> UpstreamSpec:
    return declared(f"  chart: {spec}\n").upstreams[0]


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("{oci: ghcr.io/acme/web}", SourceSpec(kind="oci", location="ghcr.io/acme/web")),
        (
            '{helm: "https://charts.acme.org/stable/", name: web}',
            SourceSpec(kind="helm", location="https://charts.acme.org/stable", name="web"),
        ),
        (
            '{git: "https://git.acme.org/web", path: deploy/chart/}',
            SourceSpec(kind="git", location="https://git.acme.org/web", path="deploy/chart"),
        ),
        ('{git: "ssh://git@git.acme.org/web"}', SourceSpec(kind="git", location="ssh://git@git.acme.org/web")),
        (
            '{git: "https://git.acme.org/web", follow: branch}',
            SourceSpec(kind="git", location="https://git.acme.org/web", branch="main"),
        ),
        (
            '{git: "https://git.acme.org/web", follow: branch, branch: next}',
            SourceSpec(kind="git", location="https://git.acme.org/web", branch="next"),
        ),
    ],
)
def test_a_chart_has_one_of_three_places(written: str, source: SourceSpec) -> None:
    assert chart(written).source == source
    assert (chart(written).role, chart(written).alias) == ("chart", CHART)


def test_a_branch_is_followed_by_its_newest_commit() -> None:
    assert chart('{git: "https://git.acme.org/web", follow: branch}').policy == Policy(
        dialect="argocd-digest", rule="main", digest=True
    )
    assert chart('{git: "https://git.acme.org/web", follow: tags, version: ^2}').policy == Policy(rule="^2")


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("github: acme/web", SourceSpec(kind="github", location="acme/web")),
        ('github: "https://github.com/acme/web.git"', SourceSpec(kind="github", location="acme/web")),
        (
            'github: "https://ghe.acme.org/acme/web"',
            SourceSpec(kind="github", location="https://ghe.acme.org/acme/web"),
        ),
        ("gitlab: group/sub/web", SourceSpec(kind="gitlab", location="group/sub/web")),
        ('gitea: "https://codeberg.org/acme/web"', SourceSpec(kind="gitea", location="https://codeberg.org/acme/web")),
        ("oci: ghcr.io/acme/web", SourceSpec(kind="oci", location="ghcr.io/acme/web")),
        ('helm: "https://charts.acme.org"', SourceSpec(kind="helm", location="https://charts.acme.org", name="notes")),
        (
            'helm: "https://charts.acme.org", chart: web',
            SourceSpec(kind="helm", location="https://charts.acme.org", name="web"),
        ),
        (
            'git: "https://git.acme.org/web", branch: main',
            SourceSpec(kind="git", location="https://git.acme.org/web", branch="main"),
        ),
        (
            'json: "https://acme.org/v.json?all=1", path: "releases[].version"',
            SourceSpec(kind="json", location="https://acme.org/v.json?all=1", path="releases[].version"),
        ),
    ],
)
def test_further_upstreams_have_one_place_of_any_kind(written: str, source: SourceSpec) -> None:
    other = declared(f"{OCI}  upstreams: [{{name: notes, {written}}}]\n").upstreams[-1]
    assert other == UpstreamSpec(role="other", alias="notes", source=source, policy=None)


def test_every_upstream_has_its_policy() -> None:
    found = declared(
        OCI
        + """\
  images:
    - {name: ghcr.io/acme/web}
    - {name: docker.io/acme/worker, alias: jobs, tag: ~1.4, set: [jobs.image.tag, "jobs.init[0].tag"]}
  upstreams: [{name: notes, github: acme/web, version: {dialect: calendar, rule: YYYY.0M}}]
"""
    ).upstreams
    assert [(one.role, one.alias, one.policy) for one in found] == [
        ("chart", "chart", Policy()),
        ("image", "web", None),
        ("image", "jobs", Policy(rule="~1.4")),
        ("other", "notes", Policy(dialect="calendar", rule="YYYY.0M")),
    ]
    assert found[2].set_values == ("jobs.image.tag", "jobs.init[0].tag")


def test_a_policy_says_everything() -> None:
    written = """{oci: ghcr.io/acme/web, version: {
      dialect: docker, rule: ">=1.2", order: ascending, include: ["glob:*-alpine"], exclude: ["regexp:broken$", bad],
      extract: {pattern: "^web-(.*)$", to: $1}, prereleases: never, variant: false, platforms: [linux/amd64, linux/arm64],
      minimumAge: 2d, majors: ask, behind: latest-2, notifyOnly: true, followDigest: true}}"""
    assert chart(written).policy == Policy(
        dialect="docker",
        rule=">=1.2",
        filter=Filter(
            include=("glob:*-alpine",), exclude=("regexp:broken$", "bad"), extract="regexp:^web-(.*)$", to="$1"
        ),
        guards=Guards(
            prereleases="never",
            variant=False,
            platforms=("linux/amd64", "linux/arm64"),
            minimum_age_seconds=172_800,
            majors="ask",
            behind=2,
            notify_only=True,
        ),
        digest=True,
    )
    assert chart("{oci: ghcr.io/acme/web, version: {}}").policy == Policy()


@pytest.mark.parametrize("dialect", EXAMPLES)
def test_every_dialect_may_be_written(dialect: str) -> None:
    written = f'{{oci: ghcr.io/acme/web, version: {{dialect: {dialect}, rule: "{EXAMPLES[dialect]}"}}}}'
    assert chart(written).policy == Policy(dialect=dialect, rule=EXAMPLES[dialect])


def test_when_places_are_looked_at() -> None:
    assert declared(OCI).schedule == Schedule(60.0)
    assert declared(f"{OCI}  poll: 5s\n").schedule == Schedule(5.0)
    cron = declared(f'{OCI}  schedule: {{cron: "*/5 8-18 * * 1-5", timeZone: Europe/Amsterdam}}\n').schedule
    assert (cron.cron, cron.zone) == ("*/5 8-18 * * 1-5", "Europe/Amsterdam")


def test_what_goes_together() -> None:
    images = "  images: [{name: ghcr.io/acme/web, tag: '*'}, {name: ghcr.io/acme/worker, tag: '*'}]\n"
    for rule in ("same version", "images.web.tag == images.worker.tag"):
        assert declared(f"{OCI}{images}  together: {rule}\n").together == rule


GIT = "git: https://git.acme.org/web"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("  chart: {version: '*'}\n", "6:10: spec.chart: names no place → write one of oci, helm, git"),
        (f"  chart: {{oci: ghcr.io/a/b, {GIT}}}\n", "6:10: spec.chart: names 2 places: oci, git"),
        ("  chart: {helm: 'https://a.org'}\n", "6:10: spec.chart.name: is missing → helm needs it"),
        ("  chart: {oci: ghcr.io/a/b, path: x}\n", "6:35: spec.chart.path: does not go with oci → it belongs to git"),
        (f"  chart: {{{GIT}, branch: x}}\n", "spec.chart.branch: is not followed → write follow: branch beside it"),
        (
            "  chart: {git: 'https://me:secret@a.org/b'}\n",
            "spec.chart.git: has credentials in the URL → leave them out",
        ),
        (
            "  chart: {helm: 'https://a.org/charts?private_token=S3CRET', name: web}\n",
            "spec.chart.helm: has a secret in its parameter 'private_token' → leave it out: `tidegate account add`",
        ),
        ("  chart: {git: 'file:///etc'}\n", "spec.chart.git: 'file:///etc' is no URL that can be asked"),
        (f"  chart: {{{GIT}, path: ../x}}\n", "spec.chart.path: '../x' is no folder of the repository"),
        (
            "  chart: {oci: ghcr.io/a/b, version: {dialect: keel, rule: sometimes}}\n",
            "6:60: spec.chart.version.rule: 'sometimes' is no rule of the dialect keel: ",
        ),
        (
            "  chart: {oci: ghcr.io/a/b, version: {dialect: helm2}}\n",
            "6:48: spec.chart.version.dialect: 'helm2' is not known here → write 'helm' or 'keel'",
        ),
        (
            "  chart: {oci: ghcr.io/a/b, version: {exclude: ['regexp:(']}}\n",
            "6:49: spec.chart.version.exclude[0]: pattern 'regexp:('",
        ),
        (
            "  chart: {oci: ghcr.io/a/b, version: {minimalAge: 2d}}\n",
            "minimalAge: this field is not known → did you mean",
        ),
        (
            "  chart: {oci: ghcr.io/a/b, version: {behind: newest}}\n",
            "version.behind: expected a whole number, found newest",
        ),
        (
            "  chart: {oci: ghcr.io/a/b, version: {variant: often}}\n",
            "version.variant: expected true or false, found often",
        ),
        ("  chart: {oci: ghcr.io/a/b, version: {platforms: [arm]}}\n", "platforms[0]: 'arm' is no platform"),
        (
            "  chart: {oci: ghcr.io/a/b, version: {dialect: argocd-digest, rule: x, prereleases: allowed}}\n",
            "prereleases: in the dialect argocd-digest the rule itself says which pre-releases are taken",
        ),
        (
            f"{OCI}  images: [{{name: ghcr.io/a/web}}, {{name: ghcr.io/b/web}}]\n",
            "spec.images[1].name: there are two upstreams 'web' → give this one an alias",
        ),
        (
            f"{OCI}  images: [{{name: ghcr.io/a/web, alias: chart}}]\n",
            "spec.images[0].alias: there are two upstreams 'chart'",
        ),
        (
            f"{OCI}  images: [{{name: ghcr.io/a/web}}]\n  upstreams: [{{name: web, github: a/b}}]\n",
            "spec.upstreams[0].name: there are two upstreams 'web'",
        ),
        (
            f"{OCI}  upstreams: [{{name: x}}]\n",
            "spec.upstreams[0]: names no place → write one of oci, helm, git, github",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, github: web}}]\n",
            "github: 'web' names no repository → for example 'acme/web'",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, gitea: a/b}}]\n",
            "gitea: names no server → for example 'https://codeberg.org/a/b'",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, git: 'https://a.org/b', server: 'https://a.org'}}]\n",
            "spec.upstreams[0].server: does not go with git → it belongs to github or gitlab or gitea",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, gitlab: 'https://a.org/git/b/c', server: 'https://a.org/gitlab'}}]\n",
            "spec.upstreams[0].server: is not where 'https://a.org/git/b/c' is → the project's URL begins",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, json: 'https://a.org'}}]\n",
            "spec.upstreams[0].path: is missing → json needs it",
        ),
        (
            f"{OCI}  upstreams: [{{name: x, json: 'https://a.org', path: '[}}'}}]\n",
            "path: '[}' cannot be read at character 2",
        ),
        (f"{OCI}  together: images.web.tag ==\n", "spec.together: 'images.web.tag ==' cannot be read at character"),
        (
            f"{OCI}  together: images.web.tag == chart.tag\n",
            "spec.together: there is no images.web: images here are none",
        ),
        (f"{OCI}  schedule: {{cron: '61 * * * *'}}\n", "spec.schedule.cron: '61 * * * *' is no cron text"),
        (f"{OCI}  schedule: {{cron: '0 0 30 2 *'}}\n", "spec.schedule.cron: '0 0 30 2 *' is no cron text"),
        (f"{OCI}  schedule: {{cron: '@hourly'}}\n", "spec.schedule.cron: '@hourly' is no cron text"),
        (
            f"{OCI}  schedule: {{cron: '* * * * *', timeZone: Europe/Amsterdm}}\n",
            "'Europe/Amsterdm' is no time zone → did you mean 'Europe/Amsterdam'?",
        ),
        (f"{OCI}  poll: 5s\n  schedule: {{cron: '* * * * *'}}\n", "spec.schedule: there is `poll` too"),
        (
            f"{OCI}  images: [{{name: ghcr.io/a/web, set: ['a..b']}}]\n",
            "spec.images[0].set[0]: 'a..b' does not have the right form",
        ),
    ],
)
def test_one_mistake_is_told_at_its_place(spec: str, said: str) -> None:
    assert said in mistakes(spec)[0]


def test_secrets_in_addresses_are_not_repeated() -> None:
    assert "secret" not in " ".join(mistakes("  chart: {git: 'https://me:secret@a.org/b'}\n"))
    assert "secret" not in " ".join(mistakes("  chart: {git: 'https://me:secret@[a.org/b'}\n"))


def test_a_declaration_survives_being_stored() -> None:
    first = declared(
        '  chart: {helm: "https://a.org", name: web, version: {dialect: keel, rule: minor, minimumAge: 1h}}\n'
        "  images: [{name: ghcr.io/a/web, tag: {dialect: docker}, set: [image.tag]}]\n"
        "  upstreams: [{name: notes, github: a/b, version: {majors: ask}}]\n"
        "  together: same version\n"
    )
    assert read_declaration(msgspec.json.decode(canonical_json(first))) == first


def test_what_an_earlier_tidegate_stored_is_read() -> None:
    stored = {
        "name": "web",
        "namespace": "web",
        "chart": {"oci": "ghcr.io/acme/web", "version": ">=2"},
        "images": [{"name": "docker.io/acme/web"}, {"name": "docker.io/acme/worker", "tag": "~1.4"}],
        "channels": [{"name": "edge"}],
        "poll_seconds": 10,
    }
    read = read_declaration(stored)
    assert read.chart == ChartUpstream(oci="ghcr.io/acme/web", version=">=2")
    assert [(one.alias, one.policy) for one in read.upstreams] == [
        ("chart", Policy(rule=">=2")),
        ("web", None),
        ("worker", Policy(rule="~1.4")),
    ]
    assert read.schedule == Schedule(10.0)


def test_images_of_one_name_that_were_stored_earlier_keep_apart() -> None:
    images = [{"name": "ghcr.io/a/web"}, {"name": "ghcr.io/b/web"}, {"name": "ghcr.io/b/chart"}]
    stored = {"name": "web", "namespace": "web", "chart": {"oci": "ghcr.io/a/b"}, "images": images, "channels": []}
    aliases = [one.alias for one in read_declaration(stored).upstreams]
    assert aliases == ["chart", "web", "ghcr.io/b/web", "ghcr.io/b/chart"]
