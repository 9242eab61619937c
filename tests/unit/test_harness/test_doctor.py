"""`tidegate doctor` says what is missing and the command that mends it, for root, for people with sudo and for those without."""

import json
import os
import shutil

import pytest

from test_harness import doctor
from test_harness.clusters.owners import Marker
from test_harness.offline import facts
from test_harness.offline.engine import Engine
from test_harness.offline.provisioning import Facts


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Return a function that lets the doctor see a bare Debian machine with these differences."""

    def see(*, user: int, sudo: bool, **changes: object) -> None:
        seen = {
            "platform": "linux",
            "can_be_root": user == 0,
            "engine": None,
            "dockerd": True,
            "mmdebstrap": True,
            "sys_resource": True,
            "cgroup": 2,
            "registries": {"registry-1.docker.io": False},
        }
        which = shutil.which
        monkeypatch.setattr(facts, "gather", lambda: Facts(**(seen | changes)))
        monkeypatch.setattr(os, "geteuid", lambda: user)
        monkeypatch.setattr(
            shutil,
            "which",
            lambda name, **more: (sudo or None) and "/usr/bin/sudo" if name == "sudo" else which(name, **more),
        )

    return see


def told(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, object]]]:
    code = doctor.main(["--output", "json"])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}


def test_root_and_sudo_without_a_question_are_enough(machine, capsys):
    for user, changes in ((0, {}), (1, {"can_be_root": True})):
        machine(user=user, sudo=user != 0, **changes)
        checks = told(capsys)[1]
        assert (checks["root"]["ok"], checks["clusters"]["ok"], checks["Docker Engine"]["ok"]) == (True, True, None)


@pytest.mark.parametrize(("sudo", "mend"), [(True, "sudo -v"), (False, "apt-get install sudo")])
def test_who_cannot_become_root_is_told_how(machine, capsys, sudo, mend):
    machine(user=1, sudo=sudo)
    code, checks = told(capsys)
    assert (code, checks["root"]["ok"], checks["clusters"]["ok"]) == (1, False, False)
    assert mend in checks["root"]["mend"]
    assert "needs root" in checks["clusters"]["detail"]


def test_with_an_engine_and_registries_nobody_needs_root(machine, capsys):
    machine(user=1, sudo=False, engine="27.0", registries={"registry-1.docker.io": True})
    checks = told(capsys)[1]
    assert (checks["root"]["ok"], checks["clusters"]["ok"], checks["Docker Engine"]["ok"]) == (None, True, True)


def test_a_cluster_of_another_container_is_named_with_what_removes_it_and_its_marker():
    engine = Engine("unix:///run/own docker.sock")
    check = doctor._of_another(Marker("volume-1", "tidegate-a", "1@boot.2", "boot-4026532180"), engine)
    at = "DOCKER_HOST='unix:///run/own docker.sock' docker"
    assert check.mend == f"{at} rm --force --volumes tidegate-a-control-plane; {at} volume rm volume-1"
    assert (check.ok, "boot-4026532180" in check.detail) == (None, True)


def test_without_an_engine_the_package_is_named(machine, capsys):
    machine(user=0, sudo=False, dockerd=False)
    checks = told(capsys)[1]
    assert checks["Docker Engine"]["mend"] == "sudo apt-get install docker.io iptables"
