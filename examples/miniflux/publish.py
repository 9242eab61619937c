"""Publish one version of Miniflux as an upstream would: its image, PostgreSQL's image and the chart of that version.

Where the public registries can be reached the published images are taken; elsewhere Miniflux is built from its Go
module and PostgreSQL from Debian's package. Two versions are ours, made to go wrong:

  --broken migration   the real program with one more migration, which fails on a database that has feeds in it
  --broken appetite    the real program in a chart that asks for 1Gi: some clusters cannot give that
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from examples import publishing
from test_harness.offline import facts
from test_harness.offline.cache import cached_file, key_of
from test_harness.offline.go_modules import compile_program, module_folder
from test_harness.offline.progress import step

if TYPE_CHECKING:
    from examples.publishing import Publisher

Broken = Literal["migration", "appetite"]

HERE = Path(__file__).parent
MODULE = "miniflux.app/v2"
IMAGE = "docker.io/miniflux/miniflux"
DATABASE, DATABASE_TAG = "docker.io/library/postgres", "15"
CHART = "ghcr.io/tidegate/charts/miniflux"

BROKEN_ON = "2.2.16"
"""The release that a broken one is made from, whatever number it is published under."""

MIGRATIONS = Path("internal", "database", "migrations.go")
BROKEN_MIGRATION = """\
	func(tx *sql.Tx) (err error) {
		// Fine on an empty table, so a fresh install does not notice: there is no default for the feeds that exist.
		_, err = tx.Exec(`ALTER TABLE feeds ADD COLUMN language text NOT NULL`)
		return err
	},
"""
MORE_MEMORY = {
    "requests: {cpu: 20m, memory: 32Mi}": "requests: {cpu: 20m, memory: 1Gi}",
    "memory: 256Mi}\n\ndatabase": "memory: 2Gi}\n\ndatabase",
}


def publish(version: str, publisher: Publisher, broken: Broken | None = None) -> None:
    """Publish the images first and the chart last: when the chart is seen, all that it names is there."""
    publish_database(publisher)
    if not publisher.has(IMAGE, version):
        publish_server(version, publisher, broken)
    publisher.publish_chart(CHART, HERE / "chart", version, MORE_MEMORY if broken == "appetite" else None)


def publish_database(publisher: Publisher) -> None:
    if publisher.has(DATABASE, DATABASE_TAG):
        return
    if publisher.mode == "online":
        publisher.copy_image(DATABASE, DATABASE_TAG)
    else:
        publisher.build_image(DATABASE, DATABASE_TAG, HERE.parent / "postgres")


def publish_server(version: str, publisher: Publisher, broken: Broken | None) -> None:
    if publisher.mode == "online" and not broken:
        publisher.copy_image(IMAGE, version)
    else:
        publisher.build_image(IMAGE, version, HERE / "image", miniflux=build_program(version, broken))


def build_ahead(version: str, broken: Broken | None) -> None:
    if facts.decide().mode == "offline" or broken:
        build_program(version, broken)


def build_program(version: str, broken: Broken | None = None) -> Path:
    """The static program that calls itself `version`; cached."""
    source_version = BROKEN_ON if broken else version
    with_bad_migration = broken == "migration"
    key = key_of(MODULE, source_version, version, BROKEN_MIGRATION if with_bad_migration else "", platform.machine())

    def make(target: Path) -> None:
        source = target.parent / "source"
        shutil.copytree(module_folder(MODULE, f"v{source_version}"), source, copy_function=shutil.copyfile)
        if with_bad_migration:
            append_migration(source / MIGRATIONS)
        with step(f"build miniflux {version}", expected=30):
            flags = [f"-X {MODULE}/internal/version.Version={version}"]
            compile_program(source, ".", target, flags, target_os="linux")

    return cached_file("miniflux", key, make)


def append_migration(file: Path) -> None:
    """Put the broken migration at the end of the list, which is the end of the file."""
    text = file.read_text().rstrip()
    if not text.endswith("\n}"):
        raise SystemExit(f"{file} does not end with the list of migrations: has Miniflux moved it?")
    file.write_text(f"{text[:-1]}{BROKEN_MIGRATION}}}\n")


def main() -> None:
    parser = publishing.parser(__doc__)
    parser.add_argument("--broken", choices=["migration", "appetite"], help=f"made from {BROKEN_ON}, see above")
    parser.add_argument("--build-only", action="store_true", help="build its program into the cache, publish nothing")
    options = parser.parse_args()
    if options.build_only:
        build_ahead(options.version, options.broken)
        return
    publish(options.version, publishing.publisher(options.registry), options.broken)


if __name__ == "__main__":
    main()
