"""What is published is what was meant: edits that hit nothing are refused, broken releases are broken in one place."""

import pytest
import yaml

from examples import publishing
from examples.miniflux import publish as miniflux
from test_harness.offline.engine import Engine

MIGRATIONS = """\
package database

var migrations = [...]func(tx *sql.Tx) error{
	func(tx *sql.Tx) (err error) {
		return err
	},
}
"""


def test_a_mirror_keeps_names_without_their_host():
    assert publishing.repository("ghcr.io/tidegate/charts/miniflux") == "tidegate/charts/miniflux"
    assert publishing.repository("docker.io/library/postgres") == "library/postgres"


@pytest.mark.parametrize("text", ["", "memory: 32Mi, memory: 32Mi"])
def test_an_edit_that_does_not_hit_once_is_refused(tmp_path, text):
    file = tmp_path / "values.yaml"
    file.write_text(text)
    with pytest.raises(SystemExit, match=r"values\.yaml: expected once, found \d times: 'memory: 32Mi'"):
        publishing.edit(file, {"memory: 32Mi": "memory: 1Gi"})
    assert file.read_text() == text


def test_the_release_that_wants_more_changes_miniflux_alone(tmp_path):
    usual = (miniflux.HERE / "chart" / "values.yaml").read_text()
    file = tmp_path / "values.yaml"
    file.write_text(usual)
    publishing.edit(file, miniflux.MORE_MEMORY)
    before, after = yaml.safe_load(usual), yaml.safe_load(file.read_text())
    assert after.pop("resources") == {"requests": {"cpu": "20m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    before.pop("resources")
    assert after == before


def test_the_broken_migration_becomes_the_last_one(tmp_path):
    file = tmp_path / "migrations.go"
    file.write_text(MIGRATIONS)
    miniflux.append_migration(file)
    text = file.read_text()
    assert text.startswith(MIGRATIONS.removesuffix("}\n"))
    assert text.endswith("`ALTER TABLE feeds ADD COLUMN language text NOT NULL`)\n\t\treturn err\n\t},\n}\n")
    assert text.count("{") == text.count("}")


def test_source_of_another_shape_is_refused(tmp_path):
    file = tmp_path / "migrations.go"
    file.write_text("package database\n")
    with pytest.raises(SystemExit, match="does not end with the list of migrations"):
        miniflux.append_migration(file)


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_a_tag_is_looked_up_where_a_mirror_has_it(httpserver, status, there):
    httpserver.expect_request("/v2/miniflux/miniflux/manifests/2.2.8", method="HEAD").respond_with_data(status=status)
    publisher = publishing.Publisher(f"127.0.0.1:{httpserver.port}", Engine(None), "offline")
    assert publisher.has("docker.io/miniflux/miniflux", "2.2.8") is there
    httpserver.check_assertions()


def test_something_that_is_no_registry_is_named(httpserver):
    httpserver.expect_request("/v2/miniflux/miniflux/manifests/2.2.8").respond_with_data(status=503)
    publisher = publishing.Publisher(f"127.0.0.1:{httpserver.port}", Engine(None), "offline")
    with pytest.raises(SystemExit, match="answered 503: is --registry"):
        publisher.has("docker.io/miniflux/miniflux", "2.2.8")
