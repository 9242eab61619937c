"""What the doctor says of a cluster that rehearsals borrow, with a kubectl that answers as the real one does (tests/e2e asks it)."""

import pytest

from test_harness import doctor_existing
from test_harness.doctor_existing import Borrowed

KUBECTL = """\
#!/bin/sh
case "$*" in
  *readyz) {readyz} ;;
  *"can-i create"*) {create} ;;
  *) echo yes ;;
esac
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    def answering(readyz: str = "echo ok", create: str = "echo yes") -> Borrowed:
        program = tmp_path / "kubectl"
        program.write_text(KUBECTL.format(readyz=readyz, create=create))
        program.chmod(0o755)
        monkeypatch.setattr(doctor_existing, "_kubectl", lambda: program)
        (tmp_path / "kubeconfig").touch()
        return Borrowed(tmp_path / "kubeconfig", "test")

    return answering


def test_a_cluster_that_answers_with_an_account_that_may_is_well(cluster):
    assert [check.ok for check in cluster().checks()] == [True, True]


def test_a_cluster_that_is_away_is_quoted_and_nothing_more_is_asked(cluster):
    (check,) = cluster(readyz="echo 'connection refused' >&2; exit 1").checks()
    assert (check.ok, check.detail.endswith("connection refused")) == (False, True)
    assert check.mend.endswith("--context test --request-timeout=4s version")


def test_an_account_that_may_not_make_namespaces_is_told_with_what_makes_one_that_may(cluster):
    check = cluster(create="echo no; exit 1").checks()[1]
    assert (check.ok, check.detail) == (False, "it may not create namespaces")
    assert check.mend.startswith("scripts/rehearsal-kubeconfig")


def test_without_kubectl_nothing_is_built_to_ask(cluster, monkeypatch):
    borrowed = cluster()
    monkeypatch.setattr(doctor_existing, "_kubectl", lambda: None)
    assert [check.ok for check in borrowed.checks()] == [None]
