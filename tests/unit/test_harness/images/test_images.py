"""Image names and the registry's configuration."""

from __future__ import annotations

import pytest
import yaml

from test_harness.images.names import parse_image_name
from test_harness.images.registry import Webhook, configuration


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("docker.io/miniflux/miniflux:2.2.8", "docker.io/miniflux/miniflux:2.2.8"),
        ("miniflux/miniflux:2.2.8", "docker.io/miniflux/miniflux:2.2.8"),
        ("postgres:15", "docker.io/library/postgres:15"),
        ("docker.io/postgres:15", "docker.io/library/postgres:15"),
        ("ghcr.io/tidegate/agent", "ghcr.io/tidegate/agent:latest"),
        ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000/a/b:1"),
        ("localhost/a:1", "localhost/a:1"),
    ],
)
def test_names_are_read_as_docker_reads_them(name, full):
    assert parse_image_name(name).full == full


def test_public_name_lies_under_its_path():
    assert (
        parse_image_name("docker.io/miniflux/miniflux:2.2.8").at("127.0.0.1:5000")
        == "127.0.0.1:5000/miniflux/miniflux:2.2.8"
    )


@pytest.mark.parametrize("name", ["", "a/b@sha256:00"])
def test_what_is_no_tag_is_refused(name):
    with pytest.raises(ValueError, match="a name with a tag is wanted"):
        parse_image_name(name)


def test_writer_tells_the_webhook_with_its_secret(tmp_path):
    webhook = Webhook("http://127.0.0.1:8000/hook", "X-Token", "s3cret")

    config = yaml.safe_load(configuration(tmp_path, "127.0.0.1:5000", webhook, read_only=False))

    (endpoint,) = config["notifications"]["endpoints"]
    assert endpoint["url"] == webhook.url
    assert endpoint["headers"] == {"X-Token": ["s3cret"]}
    assert config["storage"]["delete"] == {"enabled": True}
    assert config["http"]["addr"] == "127.0.0.1:5000"


def test_clusters_door_is_read_only_and_knows_no_secret(tmp_path):
    webhook = Webhook("http://127.0.0.1:8000/hook", "X-Token", "s3cret")

    text = configuration(tmp_path, "172.18.0.1:5000", webhook, read_only=True)

    assert yaml.safe_load(text)["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert "s3cret" not in text
