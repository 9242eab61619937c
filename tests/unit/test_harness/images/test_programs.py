"""What our own images are built from: the lock file's libraries, and the same programs whichever way they come."""

import runpy

from test_harness.images import programs
from test_harness.offline import binaries


def test_the_project_sites_give_the_versions_that_we_build():
    fetched = runpy.run_path(str(programs.ROOT / "docker" / "fetch.py"))
    assert (fetched["HELM"], fetched["KUBECTL"]) == (binaries.HELM_VERSION, binaries.KUBERNETES_VERSION)


def test_what_only_an_older_python_needs_is_taken_along():
    text = "async-timeout==5.0.1 ; python_full_version < '3.11.3' \\\n    --hash=sha256:1\ncolorama==1 ; sys_platform == 'win32'\n"
    assert programs.FOR_OLDER_PYTHON.sub("", text).splitlines() == [
        "async-timeout==5.0.1 \\",
        "    --hash=sha256:1",
        "colorama==1 ; sys_platform == 'win32'",
    ]


def test_every_source_of_an_image_counts_for_its_tag():
    for program, matters in programs.MATTERS.items():
        assert set(matters) <= set(programs.SOURCES)
        dockerfile = (programs.ROOT / "docker" / f"{program}.Dockerfile").read_text()
        assert all(f"COPY {each} {each}" in dockerfile for each in matters)
