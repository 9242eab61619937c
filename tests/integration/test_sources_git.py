"""Git repositories over git's own smart HTTP and over SSH's program: tags, branches, ranges of commits, folders as charts."""

import io
import tarfile
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound, Transient, Untrusted
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.git import GitSource
from control_plane.upstreams.git_transport import Ssh, place_of, ssh_words
from control_plane.upstreams.web_client import WebClient
from tests.support.git_server import GitServer

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


@pytest.fixture
def source() -> GitSource:
    return GitSource(WebClient())


def spec_of(server: GitServer, path: str = "charts/web", branch: str = "") -> SourceSpec:
    return SourceSpec(kind="git", location=server.url, path=path, branch=branch)


def members(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        return {one.name: archive.extractfile(one).read().decode() for one in archive}  # type: ignore[union-attr]


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
    assert GitSource(WebClient()).detail(spec_of(server), "v1.0.1", platforms=False).digest == before


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
        GitSource(WebClient()).artifact(spec, "main", before)


def test_a_moved_tag_is_not_trusted(server: GitServer, source: GitSource) -> None:
    digest = source.detail(spec_of(server), "v1.0.0", platforms=False).digest
    server.commit("Evil", {"charts/web/values.yaml": "a: 1\n"})
    server.tag("v1.0.0")
    with pytest.raises(Untrusted, match="has the digest"):
        GitSource(WebClient()).artifact(spec_of(server), "v1.0.0", digest)


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
    with pytest.raises(ChartInvalid, match="secret is a link"):
        source.detail(spec_of(server), "v3", platforms=False)


def test_commits_between_two_tags_are_told_newest_first(server: GitServer, source: GitSource) -> None:
    server.commit("Second thing\n\nMore words", {"a": "1"})
    server.commit("Third thing", {"a": "2"})
    server.tag("v1.1.0", annotated=True)
    server.commit("Not yet released", {"a": "3"})
    found = source.commits(spec_of(server), "v1.0.0", "v1.1.0")
    assert [(one.title, one.author) for one in found] == [("Third thing", "Ada"), ("Second thing", "Ada")]
    assert len(source.commits(spec_of(server), "v1.0.0", "v1.1.0", most=1)) == 1
    assert source.commits(spec_of(server), "v1.1.0", "v1.1.0") == ()


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
    source = GitSource(WebClient(), ssh)
    listing = source.listing(spec, {})
    assert listing is not None
    assert [tag.name for tag in listing.tags] == ["v1.0.0"]
    digest = source.detail(spec, "v1.0.0", platforms=False).digest
    assert digest == GitSource(WebClient()).detail(spec_of(server), "v1.0.0", platforms=False).digest
    words = log.read_text().split("\n")
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", str(key), "2222"} <= set(words)
    assert "git@git.example.com" in words


def test_ssh_that_is_denied_absent_slow_or_missing_says_nothing_or_not_found(server: GitServer, tmp_path: Path) -> None:
    program, _ = server.ssh_program(tmp_path)
    source = GitSource(WebClient(), Ssh(program=str(program), timeout=1))
    with pytest.raises(Transient, match=r"does not let us in: .*Permission denied"):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:denied/app"), {})
    with pytest.raises(Transient):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:slow/app"), {})
    with pytest.raises(NotFound, match="does not appear to be a git repository"):
        source.listing(SourceSpec(kind="git", location="git@git.example.com:nothing/app"), {})
    with pytest.raises(Transient, match="program '/nonexistent/ssh' is missing"):
        GitSource(WebClient(), Ssh(program="/nonexistent/ssh")).listing(
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
