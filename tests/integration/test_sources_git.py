"""Git repositories over git's own smart HTTP and over SSH's program: tags, branches, ranges of commits, folders as charts."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound, Transient, Untrusted
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.chart_dependencies import DependencyReader
from control_plane.upstreams.charts import chart_rendering
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.folders import Packer
from control_plane.upstreams.git import GitSource
from control_plane.upstreams.git_address import place_of
from control_plane.upstreams.git_ssh import Ssh, ssh_words
from control_plane.upstreams.helm_http import HelmRepository
from control_plane.upstreams.oci import RegistryClient
from control_plane.upstreams.packing import MAX_BYTES
from control_plane.upstreams.web_client import WebClient
from tests.support.git_server import GitServer
from tests.support.helm_repository import HelmServer

CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/templates/a.yaml": "kind: ConfigMap\n",
    "deploy/app.yaml": 'kind: Rule\nsummary: "{{ $labels.instance }}"\n',
    "README.md": "hello\n",
}


@pytest.fixture
def server(tmp_path: Path, httpserver: HTTPServer) -> GitServer:
    server = GitServer(tmp_path, httpserver)
    server.commit("First\n\nwith words", CHART)
    server.tag("v1.0.0")
    return server


HELM = os.environ.get("HELM", "helm")
KUBECTL = os.environ.get("KUBECTL", "kubectl")


def new_source(ssh: Ssh | None = None) -> GitSource:
    web, registry = WebClient(), RegistryClient()
    return GitSource(web, Packer(DependencyReader(HelmRepository(web, registry), registry), kubectl=KUBECTL), ssh)


@pytest.fixture
def source() -> GitSource:
    return new_source()


def packed(source: GitSource, spec: SourceSpec, tag: str) -> bytes:
    """What a release of the tag is made of."""
    return source.artifact(spec, tag, source.detail(spec, tag, platforms=False).digest)


def spec_of(server: GitServer, path: str = "charts/web", branch: str = "") -> SourceSpec:
    return SourceSpec(kind="git", location=server.url, path=path, branch=branch)


def members(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        return {one.name: archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]


def _names(content: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        return archive.getnames()


def test_tags_are_listed_and_branches_are_not(server: GitServer, source: GitSource) -> None:
    server.tag("v1.1.0", annotated=True)
    server.tag("web/v2")
    listing = source.listing(spec_of(server), {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["v1.0.0", "v1.1.0", "web/v2"]


def test_an_unchanged_repository_is_recognised(server: GitServer, source: GitSource) -> None:
    listing = source.listing(spec_of(server), {})
    assert listing is not None
    server.commit("On a branch, no tag", {"x": "1"})
    assert source.listing(spec_of(server), listing.memo) is None
    server.tag("v2")
    assert source.listing(spec_of(server), listing.memo) is not None


def test_a_tag_that_moves_is_seen(server: GitServer, source: GitSource) -> None:
    listing = source.listing(spec_of(server), {})
    assert listing is not None
    server.commit("Second", {"charts/web/values.yaml": "a: 1\n"})
    server.tag("v1.0.0")
    assert source.listing(spec_of(server), listing.memo) is not None


def test_a_repository_without_tags_has_none(tmp_path: Path, httpserver: HTTPServer, source: GitSource) -> None:
    listing = source.listing(spec_of(GitServer(tmp_path, httpserver)), {})
    assert listing is not None
    assert listing.tags == ()


@pytest.mark.parametrize("annotated", [False, True])
def test_a_charts_folder_comes_packed(server: GitServer, source: GitSource, annotated: bool) -> None:
    server.tag("v1.1.0", annotated=annotated)
    tag = source.detail(spec_of(server), "v1.1.0", platforms=False)
    packed = source.artifact(spec_of(server), "v1.1.0", tag.digest)
    assert tag.digest == f"sha256:{sha256_hex(packed)}"
    assert set(members(packed)) == {"web/Chart.yaml", "web/templates/a.yaml"}
    assert tag.created_at is not None


def test_a_server_of_the_old_protocol_and_without_filters_is_read_all_the_same(
    server: GitServer, source: GitSource
) -> None:
    server.commit("Second thing", {"a": "1"})
    server.tag("v1.1.0", annotated=True)
    server.is_modern = False
    listing = source.listing(spec_of(server), {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["v1.0.0", "v1.1.0"]
    digest = source.detail(spec_of(server), "v1.1.0", platforms=False).digest
    assert source.artifact(spec_of(server), "v1.1.0", digest)
    assert [one.title for one in source.commits(spec_of(server), "v1.0.0", "v1.1.0")] == ["Second thing"]
    assert source.detail(spec_of(server, ""), "v1.1.0", platforms=False).digest


def test_the_same_folder_at_another_tag_is_the_same_chart(server: GitServer, source: GitSource) -> None:
    before = source.detail(spec_of(server), "v1.0.0", platforms=False).digest
    server.commit("Elsewhere", {"README.md": "bye\n"})
    server.tag("v1.0.1")
    assert new_source().detail(spec_of(server), "v1.0.1", platforms=False).digest == before


def test_one_fetch_serves_detail_and_artifact(server: GitServer, source: GitSource) -> None:
    digest = source.detail(spec_of(server), "v1.0.0", platforms=False).digest
    asked = server.asked.total()
    source.artifact(spec_of(server), "v1.0.0", digest)
    assert server.asked.total() == asked


def test_a_branch_is_one_tag_whose_digest_follows_its_commits(server: GitServer, source: GitSource) -> None:
    spec = spec_of(server, branch="main")
    listing = source.listing(spec, {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["main"]
    before = source.detail(spec, "main", platforms=False).digest
    server.commit("Values", {"charts/web/values.yaml": "a: 1\n"})
    assert source.listing(spec, listing.memo) is not None
    after = source.detail(spec, "main", platforms=False).digest
    assert before != after
    assert source.artifact(spec, "main", before), "the one from before is still here"
    with pytest.raises(NotFound, match="has moved on"):
        new_source().artifact(spec, "main", before)


def test_a_moved_tag_is_not_trusted(server: GitServer, source: GitSource) -> None:
    digest = source.detail(spec_of(server), "v1.0.0", platforms=False).digest
    server.commit("Evil", {"charts/web/values.yaml": "a: 1\n"})
    server.tag("v1.0.0")
    with pytest.raises(Untrusted, match="has the digest"):
        new_source().artifact(spec_of(server), "v1.0.0", digest)


def test_a_folder_of_plain_yaml_becomes_a_chart(server: GitServer, source: GitSource) -> None:
    spec = spec_of(server, "deploy")
    packed = source.artifact(spec, "v1.0.0", source.detail(spec, "v1.0.0", platforms=False).digest)
    assert members(packed) == {
        "deploy/Chart.yaml": "apiVersion: v2\nname: deploy\nversion: 1.0.0\nappVersion: v1.0.0\n",
        "deploy/templates/app.yaml": 'kind: Rule\nsummary: "{{ "{{" }} $labels.instance }}"\n',
    }


def test_a_repository_that_is_no_chart_still_has_versions(server: GitServer, source: GitSource) -> None:
    digest = source.detail(spec_of(server, ""), "v1.0.0", platforms=False).digest
    assert digest.startswith("sha256:")
    with pytest.raises(ChartInvalid, match=r"neither a Chart.yaml nor any YAML: name the chart's folder with `path`"):
        source.artifact(spec_of(server, ""), "v1.0.0", digest)


def test_a_repository_that_cannot_be_packed_still_has_versions(server: GitServer, source: GitSource) -> None:
    (server.work / "link").symlink_to("README.md")
    server.commit("A link, and YAML", {"mkdocs.yml": "a: 1\n"})
    server.tag("v2")
    digest = source.detail(spec_of(server, ""), "v2", platforms=False).digest
    with pytest.raises(ChartInvalid, match=r"link is a link; .* name the chart's folder with `path`"):
        source.artifact(spec_of(server, ""), "v2", digest)


def test_a_repository_of_plain_yaml_is_a_chart_by_its_name(server: GitServer, source: GitSource) -> None:
    server.commit("YAML only", dict.fromkeys(CHART) | {"app.yaml": "kind: A\n"})
    server.tag("v2")
    packed = source.artifact(
        spec_of(server, ""), "v2", source.detail(spec_of(server, ""), "v2", platforms=False).digest
    )
    assert set(members(packed)) == {"app/Chart.yaml", "app/templates/app.yaml"}


def test_a_folder_that_is_not_there_is_told(server: GitServer, source: GitSource) -> None:
    with pytest.raises(NotFound, match=r"charts/db of .* at v1\.0\.0 is no folder"):
        source.detail(spec_of(server, "charts/db"), "v1.0.0", platforms=False)


def test_links_are_refused(server: GitServer, source: GitSource) -> None:
    (server.work / "charts/web/secret").symlink_to("/etc/passwd")
    server.commit("A link", {})
    server.tag("v3")
    assert source.detail(spec_of(server), "v3", platforms=False).digest, (
        "its release is made, and fails with the reason"
    )
    with pytest.raises(ChartInvalid, match=r"secret is a link; only plain files can be packed$"):
        packed(source, spec_of(server), "v3")


def test_helm_packs_the_same_files_of_a_chart(server: GitServer, source: GitSource, tmp_path: Path) -> None:
    """Helm itself says what ``.helmignore`` means."""
    server.commit(
        "Ignored",
        {
            "charts/web/.helmignore": "# of no use in a cluster\n*.md\n/ci/\ndocs/*.png\n.git\n",
            **{
                f"charts/web/{name}": "x\n"
                for name in ("README.md", "ci/a.yaml", "docs/a.png", "docs/b/c.png", "x.tpl")
            },
            **{f"charts/web/templates/{name}": "x: 1\n" for name in (".x.swp", "ci/a.yaml", "NOTES.md", "_h.tpl")},
        },
    )
    (server.work / "charts/web/ci/link").symlink_to("/etc/passwd")
    server.commit("A link that nobody packs", {})
    server.tag("v2")
    subprocess.run([HELM, "package", server.work / "charts/web", "-d", tmp_path], check=True, capture_output=True)
    theirs = members((tmp_path / "web-1.0.0.tgz").read_bytes())
    assert set(members(packed(source, spec_of(server), "v2"))) == set(theirs)


DEPENDENCIES = """dependencies:
- {{name: common, version: ~1.2, repository: "{url}", condition: common.enabled}}
- {{name: local, version: 0.x, repository: "file://../local"}}
"""


@pytest.fixture
def charts(httpserver: HTTPServer, server: GitServer) -> HelmServer:
    """A chart in git that depends on one of a Helm repository, and on one beside it."""
    charts = HelmServer(httpserver)
    charts.publish("common", "1.2.5", "1.2.6", "1.3.0")
    server.commit(
        "Depends",
        {
            "charts/web/Chart.yaml": CHART["charts/web/Chart.yaml"] + DEPENDENCIES.format(url=charts.url),
            "charts/web/Chart.lock": f"dependencies:\n- {{name: common, version: 1.2.5, repository: '{charts.url}'}}\n"
            "- {name: local, version: 0.1.0, repository: 'file://../local'}\ndigest: sha256:00\n",
            "charts/local/Chart.yaml": "apiVersion: v2\nname: local\nversion: 0.1.0\n",
            "charts/local/templates/a.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: local}\n",
        },
    )
    server.tag("v2")
    return charts


def test_what_a_chart_depends_on_is_packed_in_the_locked_version(
    server: GitServer, source: GitSource, charts: HelmServer, tmp_path: Path
) -> None:
    content = packed(source, spec_of(server), "v2")
    assert {"web/charts/common-1.2.5.tgz", "web/charts/local-0.x.tgz"} <= set(_names(content))
    (tmp_path / "web.tgz").write_bytes(content)
    rendered = subprocess.run(
        [HELM, "template", "x", tmp_path / "web.tgz"], check=True, capture_output=True, text=True
    ).stdout
    assert "web/charts/common/templates/a.yaml" in rendered
    assert "name: local" in rendered
    assert packed(new_source(), spec_of(server), "v2") == content, "the same commit is the same chart anywhere"


def test_a_package_that_its_repository_changed_makes_another_chart(
    server: GitServer, source: GitSource, charts: HelmServer
) -> None:
    digest = source.detail(spec_of(server), "v2", platforms=False).digest
    charts.charts["common", "1.2.5"] = charts.charts["common", "1.2.6"]
    charts.publish("common", "1.3.1")
    with pytest.raises(Untrusted, match="has the digest"):
        new_source().artifact(spec_of(server), "v2", digest)


def test_a_dependency_that_comes_later_makes_no_chart_of_a_release_that_failed(
    server: GitServer, source: GitSource, charts: HelmServer
) -> None:
    kept, charts.charts = charts.charts, {}
    charts.publish("common", "1.2.6")
    digest = source.detail(spec_of(server), "v2", platforms=False).digest
    with pytest.raises(ChartInvalid, match=r"depends on common 1\.2\.5, which cannot be had: .*has no common 1\.2\.5$"):
        source.artifact(spec_of(server), "v2", digest)
    charts.charts = kept
    charts.publish("common", "1.2.6")
    assert packed(source, spec_of(server), "v2"), "asked anew, it is there"
    with pytest.raises(
        ChartInvalid, match="was no chart when it was chosen and is one now: publish it as another version"
    ):
        source.artifact(spec_of(server), "v2", digest)


@pytest.mark.parametrize("is_modern", [True, False])
def test_a_file_that_is_too_large_is_told_and_not_even_sent(
    server: GitServer, source: GitSource, is_modern: bool
) -> None:
    server.commit("Large", {"charts/web/large": "x" * (MAX_BYTES + 1), "deploy/a.yaml": "a: 1\n"})
    server.tag("v2")
    server.is_modern = is_modern
    with pytest.raises(ChartInvalid, match=rf"{MAX_BYTES} bytes"):
        packed(source, spec_of(server), "v2")
    assert packed(source, spec_of(server, "deploy"), "v2")


def test_folders_that_are_nested_too_deeply_are_refused(server: GitServer, source: GitSource) -> None:
    server.commit("Deep", {f"deploy/{'a/' * 60}x.yaml": "a: 1\n"})
    server.tag("v2")
    with pytest.raises(ChartInvalid, match="nested more than 50 deep"):
        packed(source, spec_of(server, "deploy"), "v2")


def test_a_repository_of_dependencies_that_is_away_says_nothing(
    server: GitServer, source: GitSource, charts: HelmServer, httpserver: HTTPServer
) -> None:
    httpserver.expect_oneshot_request("/charts/index.yaml").respond_with_data("", 503)
    charts.index = b"<html>"
    with pytest.raises(Transient):
        source.detail(spec_of(server), "v2", platforms=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"charts/web/Chart.lock": None}, r"there is no Chart\.lock that says which version: run `helm dependency update`"),
        ({"charts/local/Chart.yaml": None, "charts/local/templates/a.yaml": None}, r"file://\.\./local is not in the repository"),
        ({"charts/local/Chart.yaml": "apiVersion: v2\nname: local\nversion: 1\ndependencies:\n"
          "- {name: local, version: 0.x, repository: 'file://.'}\n"}, "depend on each other too deeply"),
    ],
)  # fmt: skip
def test_dependencies_that_no_commit_names_are_refused(
    server: GitServer, source: GitSource, charts: HelmServer, changes: dict[str, str | None], words: str
) -> None:
    server.commit("Changed", changes)
    server.tag("v3")
    with pytest.raises(ChartInvalid, match=words):
        packed(source, spec_of(server), "v3")


KUSTOMIZED = {
    "base/kustomization.yaml": "resources: [app.yaml]\n",
    "base/app.yaml": """apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}, annotations: {note: "{{ kept }}"}}
    spec:
      initContainers: [{name: init, image: busybox:1.36}]
      containers: [{name: app, image: ghcr.io/acme/app:1}]
""",
    "over/prod/kustomization.yaml": """namePrefix: prod-
resources: [../../base]
images: [{name: ghcr.io/acme/app, newTag: "2"}]
patches: [{path: replicas.yaml}]
configMapGenerator: [{name: settings, files: [app.conf]}]
""",
    "over/prod/replicas.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {replicas: 3}\n",
    "over/prod/app.conf": "a = 1\n",
}


def test_a_kustomization_is_packed_as_it_renders(server: GitServer, source: GitSource) -> None:
    server.commit("Kustomize", KUSTOMIZED)
    server.tag("v2")
    content = packed(source, spec_of(server, "over/prod"), "v2")
    assert set(members(content)) == {"prod/Chart.yaml", "prod/templates/manifests.yaml"}
    made = members(content)["prod/templates/manifests.yaml"]
    for words in ("name: prod-app", "replicas: 3", "name: prod-settings-", "ghcr.io/acme/app:2"):
        assert words in made
    assert chart_rendering(content, {}, helm=HELM).images.running == {"busybox:1.36", "ghcr.io/acme/app:2"}
    assert packed(new_source(), spec_of(server, "over/prod"), "v2") == content
    server.commit("Base", {"base/app.yaml": KUSTOMIZED["base/app.yaml"].replace("1.36", "1.37")})
    server.tag("v3")
    assert packed(source, spec_of(server, "over/prod"), "v3") != content, "its base is part of it"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resources: ['https://github.com/acme/web//deploy?ref=v1']", "remote bases and files are not fetched"),
        ("resources: [../../base/app.yaml]", "no file of its folder"),
        ("resources: [../../base]\npatches: [{patch: 'kind: Nothing'}]", "cannot be built|can be built: "),
        ("resources: [../../base]\ngenerators: [g.yaml]", "is no kustomization that can be built: "),
    ],
)
def test_a_kustomization_that_cannot_be_built_is_told(
    server: GitServer, source: GitSource, text: str, words: str
) -> None:
    charts = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\nrepo: oci://x\n"
    server.commit("Bad", KUSTOMIZED | {"over/prod/kustomization.yaml": text, "over/prod/g.yaml": charts})
    server.tag("v2")
    with pytest.raises(ChartInvalid, match=words) as caught:
        packed(source, spec_of(server, "over/prod"), "v2")
    assert "/tmp" not in str(caught.value)


def test_commits_between_two_tags_are_told_newest_first(server: GitServer, source: GitSource) -> None:
    server.commit("Second thing\n\nMore words", {"a": "1"})
    server.commit("Third thing", {"a": "2"})
    server.tag("v1.1.0", annotated=True)
    server.commit("Not yet released", {"a": "3"})
    found = source.commits(spec_of(server), "v1.0.0", "v1.1.0")
    assert [(one.title, one.author) for one in found] == [("Third thing", "Ada"), ("Second thing", "Ada")]
    assert len(source.commits(spec_of(server), "v1.0.0", "v1.1.0", most=1)) == 1
    assert source.commits(spec_of(server), "v1.1.0", "v1.1.0") == ()


def test_the_commits_since_the_version_before_are_a_releases_notes(server: GitServer, source: GitSource) -> None:
    server.commit("Second thing", {"a": "1"})
    server.commit("Third thing", {"a": "2"})
    server.tag("v1.1.0", annotated=True)
    notes = source.notes(spec_of(server), "v1.1.0", "", since="v1.0.0")
    assert notes is not None
    assert (notes.title, notes.author) == ("2 commits since v1.0.0", "Ada")
    assert [line[13:] for line in notes.body.splitlines()] == ["Third thing (Ada)", "Second thing (Ada)"]
    first = source.notes(spec_of(server), "v1.0.0", "", since="")
    assert first is not None
    assert (first.title, first.body[13:]) == ("First", "First (Ada)")
    assert source.notes(spec_of(server), "v1.1.0", "", since="v1.1.0") is not None, "moved: its newest commit"
    branch = source.notes(spec_of(server, branch="main"), "main", "", since="main")
    assert branch is not None
    assert branch.title == "Third thing"
    with pytest.raises(NotFound):
        source.notes(spec_of(server), "v1.1.0", "", since="v0.9.0")


def test_commits_of_a_tag_that_is_not_there(server: GitServer, source: GitSource) -> None:
    with pytest.raises(NotFound, match="no tag or commit 'v9'"):
        source.commits(spec_of(server), "v1.0.0", "v9")


def test_a_tag_or_branch_that_is_not_there(server: GitServer, source: GitSource) -> None:
    with pytest.raises(NotFound, match="has no 'v9'"):
        source.detail(spec_of(server), "v9", platforms=False)
    with pytest.raises(NotFound, match="has no branch 'nothing'"):
        source.listing(spec_of(server, branch="nothing"), {})


def test_a_branch_is_not_another_that_begins_like_it(server: GitServer, source: GitSource) -> None:
    server.git("push", "--quiet", "origin", "HEAD:refs/heads/main-2")
    listing = source.listing(spec_of(server, branch="main"), {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["main"]


def test_a_repository_that_is_not_there(server: GitServer, source: GitSource) -> None:
    spec = SourceSpec(kind="git", location=server.url.replace("app.git", "nothing.git"))
    with pytest.raises(NotFound):
        source.listing(spec, {})


@pytest.mark.parametrize(
    ("body", "kind"), [("<html>welcome</html>", "text/html"), ("001e# serv", "application/x-git-x")]
)
def test_a_server_that_speaks_no_git_says_nothing(
    httpserver: HTTPServer, source: GitSource, body: str, kind: str
) -> None:
    httpserver.expect_request("/x/info/refs").respond_with_data(body, content_type=kind)
    with pytest.raises(Transient):
        source.listing(SourceSpec(kind="git", location=httpserver.url_for("/x")), {})


def test_a_server_that_is_away_says_nothing(source: GitSource) -> None:
    with pytest.raises(Transient, match="cannot be reached"):
        source.listing(SourceSpec(kind="git", location="http://127.0.0.1:1/x"), {})


def test_ssh_reads_the_same_and_never_asks_anybody(server: GitServer, tmp_path: Path) -> None:
    program, log = server.ssh_program(tmp_path)
    key, hosts = tmp_path / "key", tmp_path / "hosts"
    ssh = Ssh(program=str(program), key=key, known_hosts=hosts, timeout=20)
    spec = SourceSpec(kind="git", location=f"ssh://git@git.example.com:2222{server.bare}", path="charts/web")
    source = new_source(ssh)
    listing = source.listing(spec, {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["v1.0.0"]
    digest = source.detail(spec, "v1.0.0", platforms=False).digest
    assert digest == new_source().detail(spec_of(server), "v1.0.0", platforms=False).digest
    words = log.read_text().split("\n")
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", str(key), "2222"} <= set(words)
    assert "git@git.example.com" in words


def test_ssh_that_is_denied_absent_slow_or_missing_says_nothing_or_not_found(server: GitServer, tmp_path: Path) -> None:
    program, _ = server.ssh_program(tmp_path)
    source = new_source(Ssh(program=str(program), timeout=1))
    with pytest.raises(Transient, match=r"does not let us in: .*Permission denied"):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:denied/app"), {})
    with pytest.raises(Transient):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:slow/app"), {})
    with pytest.raises(NotFound, match="does not appear to be a git repository"):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:nothing/app"), {})
    with pytest.raises(Transient, match="program '/nonexistent/ssh' is missing"):
        new_source(Ssh(program="/nonexistent/ssh")).listing(
            SourceSpec(kind="git", location="git@git.example.com:owner/app"), {}
        )


@pytest.mark.parametrize(
    "location",
    ["file:///etc", "/etc", "git://a.example/x", "-oProxyCommand=x:y", "a@-oProxyCommand=x:y", "", "https://"],
)
def test_other_addresses_are_refused(location: str) -> None:
    with pytest.raises(InvalidInput, match="is no address of a git repository"):
        place_of(location)


def test_ssh_without_a_key_uses_the_users_own() -> None:
    words = ssh_words(Ssh(), None)
    assert "-i" not in words
    assert "-p" not in words
