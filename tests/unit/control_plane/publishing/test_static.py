"""What a web server says about a published file."""

import pytest

from control_plane.domain.errors import NotFound
from control_plane.publishing.artifacts import artifact_keep, artifact_path
from control_plane.publishing.static import ASK_EVERY_TIME, NEVER_CHANGES, resolve

from .conftest import NOW, manifest, rollout


def test_the_timestamp_is_asked_for_every_time_and_its_tag_follows_its_content(repository):
    root = repository.storage.root
    before = resolve(root, "/metadata/timestamp.json")
    assert before.cache_control == ASK_EVERY_TIME
    assert before.matches(before.etag)
    repository.publish_channel(manifest(1), now=NOW)
    after = resolve(root, "metadata/timestamp.json")
    assert after.etag != before.etag
    assert not after.matches(before.etag)
    assert after.body == after.path.read_bytes()


def test_every_other_published_file_never_changes(repository):
    repository.publish_channel(manifest(1), rollout(1), now=NOW)
    root = repository.storage.root
    for path in root.rglob("*.json"):
        if path.name != "timestamp.json":
            assert resolve(root, str(path.relative_to(root))).cache_control == NEVER_CHANGES


@pytest.mark.parametrize(
    ("header", "matched"),
    [(None, False), ("", False), ("{}", True), ("W/{}", True), ('"x", {}', True), ("*", True), ('"x"', False)],
)
def test_if_none_match_is_read_as_the_standard_says(repository, header, matched):
    file = resolve(repository.storage.root, "metadata/timestamp.json")
    assert file.matches(header and header.format(file.etag)) is matched


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "metadata",
        "metadata/",
        "metadata/../../keys/online.pem",
        "../keys/online.pem",
        "/../keys/online.pem",
        "metadata/%2e%2e/keys/online.pem",
        "//metadata/timestamp.json",
        "metadata//timestamp.json",
        "metadata/timestamp.json/",
        "metadata/timestamp.json\n",
        "metadata/timestamp.json\0",
        "metadata/0.root.json",
        "metadata/1.root.json/../timestamp.json",
        "metadata/.tmp-abc",
        "metadata/99.root.json",
        "targets/channels/stable/manifest.json",
        "targets/channels/../../../keys/online.pem",
        f"targets/channels/stable/{'0' * 64}.manifest.json",
        f"targets/channels/stable/{'A' * 64}.manifest.json",
        "artifacts",
        "artifacts/",
        "artifacts/.tmp-abc",
        "artifacts/../metadata/timestamp.json",
        "artifacts/../../keys/online.pem",
        f"artifacts/sha256-{'0' * 64}.tgz",
        f"artifacts/sha256-{'0' * 63}.tgz",
        f"artifacts/sha256-{'0' * 64}.tgz\n",
        f"artifacts/sha256-{'0' * 64}.tgz/../x",
        f"artifacts/sha512-{'0' * 64}.tgz",
        f"artifacts/{'0' * 64}.tgz",
        "x" * 100_000,
    ],
)
def test_no_other_path_is_answered(repository, path):
    with pytest.raises(NotFound):
        resolve(repository.storage.root, path)


def test_a_kept_chart_never_changes_and_other_files_beside_it_are_not_served(repository):
    root = repository.storage.root
    name = artifact_path(artifact_keep(repository.storage, b"a packed chart"))
    file = resolve(root, name)
    assert (file.body, file.cache_control, file.content_type) == (b"a packed chart", NEVER_CHANGES, "application/gzip")
    assert file.matches(file.etag)
    for other in ("chart.tgz", name.removeprefix("artifacts/").upper(), f"{name.removeprefix('artifacts/')}.bak"):
        (root / "artifacts" / other).write_bytes(b"not for you")
        with pytest.raises(NotFound):
            resolve(root, f"artifacts/{other}")
