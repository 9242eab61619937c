"""A phase of a suite in a real pytest: what its end says about the release."""

import pytest

from test_harness.errors import CouldNotTell, ReleaseFailed, Skipped
from test_harness.rehearsal.suite import Suite, Target, read_results

LIMIT = 30


@pytest.fixture
def suite(tmp_path):
    """`suite(code)`: a suite of one file, run in phase verify."""
    for name in ("suite", "work", "evidence"):
        (tmp_path / name).mkdir()
    target = Target(tmp_path / "kubeconfig", "web", tmp_path / "kubectl")

    def run(code, limit=LIMIT):
        (tmp_path / "suite" / "test_it.py").write_text(f"import pytest\npytestmark = pytest.mark.verify\n{code}\n")
        return Suite(tmp_path / "suite", tmp_path / "work", tmp_path / "evidence").run(
            "verify", "1", target, limit=limit
        )

    return run


def test_tests_that_pass_are_counted(suite, tmp_path):
    assert suite("def test_a(): pass\ndef test_b(): pass").startswith("2 tests passed in ")
    assert (tmp_path / "evidence" / "suite-verify.txt").read_text()


def test_tests_that_fail_are_the_releases_fault_and_the_first_is_quoted(suite):
    with pytest.raises(ReleaseFailed, match=r"2 of 3 tests failed: test_b: AssertionError: 41 is not 42"):
        suite("def test_a(): pass\ndef test_b(): assert 0, '41 is not 42'\ndef test_c(): assert 0")


def test_a_fixture_that_fails_counts_as_failed(suite):
    with pytest.raises(ReleaseFailed, match="1 of 1 tests failed: test_a: "):
        suite("@pytest.fixture\ndef broken(): raise OSError('no answer')\ndef test_a(broken): pass")


@pytest.mark.parametrize("code", ["import no_such_module", "def test_a(:"])
def test_a_suite_that_cannot_be_loaded_says_nothing_about_the_release(suite, code):
    with pytest.raises(CouldNotTell, match="cannot be run"):
        suite(code)


def test_a_phase_without_tests_is_skipped(suite):
    with pytest.raises(Skipped):
        suite("pytestmark = []\ndef test_unmarked(): pass")


def test_a_suite_that_hangs_is_ended(suite):
    with pytest.raises(ReleaseFailed, match="did not end within 2 s"):
        suite("import time\ndef test_a(): time.sleep(60)", limit=2)


def test_the_suite_sees_neither_our_secrets_nor_the_engine(suite, monkeypatch):
    monkeypatch.setenv("TIDEGATE_DATABASE_URL", "postgres://u:p@db")
    monkeypatch.setenv("DOCKER_HOST", "unix:///somewhere")
    assert suite("import os\ndef test_a(): assert not {'TIDEGATE_DATABASE_URL', 'DOCKER_HOST'} & set(os.environ)")


def test_the_settings_of_a_folder_above_are_not_the_suites(suite, tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    assert suite("def test_a(): pass")


def test_the_suites_own_settings_are(suite, tmp_path):
    (tmp_path / "suite" / "pytest.ini").write_text("[pytest]\npython_functions = check_*\n")
    assert suite("def check_a(): pass\ndef test_b(): assert 0").startswith("1 tests")


def test_results_that_are_no_junit_are_no_answer():
    with pytest.raises(CouldNotTell):
        read_results(b"<html>")
