"""``tidegate explain`` without a control plane, and what the tables say of its answers."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from control_plane import cli
from control_plane.cli import explain, sources
from control_plane.cli.output import until


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Return a function that runs ``tidegate``; it returns exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tidegate", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def files(tmp_path: Path):
    """Return a function that writes a policy and tags."""

    def write(policy: str, tags: list[str]) -> tuple[str, ...]:
        (tmp_path / "policy.yaml").write_text(policy)
        (tmp_path / "tags.txt").write_text("\n".join(tags))
        return "--policy", str(tmp_path / "policy.yaml"), "--tags", str(tmp_path / "tags.txt")

    return write


def test_a_policy_is_tried_offline_the_chosen_tag_first(run, files) -> None:
    code, out, _ = run("explain", *files(">=2 <3", ["2.2.8", "3.0.0", "2.2.16", "latest"]))
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["TAG", "VERSION", "VERDICT", "FIRST", "SEEN", "REASON"]
    assert lines[1].split()[:3] == ["2.2.16", "2.2.16", "chosen"]
    assert len(lines) == 5


def test_thirty_tags_are_shown_and_the_rest_is_counted(run, files) -> None:
    arguments = files("*", [f"1.0.{patch}" for patch in range(40)])
    assert "and 10 more: --all shows them" in run("explain", *arguments)[1]
    assert len(run("explain", "--all", *arguments)[1].splitlines()) == 41


def test_programs_get_every_tag(run, files) -> None:
    code, out, _ = run("explain", "-o", "json", *files("*", [f"1.0.{patch}" for patch in range(40)]))
    assert code == 0
    assert len(json.loads(out)["tags"]) == 40


def test_what_is_followed_now_is_never_followed_by_an_older_one(run, files) -> None:
    out = run("explain", "--current", "2.0.0", *files("*", ["1.9.9", "2.0.0"]))[1]
    assert "never a downgrade" in out


@pytest.mark.parametrize("arguments", [(), ("--policy", "x"), ("--tags", "x"), ("app", "--policy", "x", "--tags", "x")])
def test_what_is_missing_is_said(run, arguments) -> None:
    code, _, err = run("explain", *arguments)
    assert (code, "--policy FILE and --tags FILE" in err) == (2, True)


def test_a_wrong_policy_is_told_with_its_line(run, files) -> None:
    code, _, err = run("explain", *files("rule: '>=2'\ndialect: kel\n", ["1"]))
    assert (code, "policy.yaml:2:10" in err, "'helm'" in err) == (2, True, True)


def test_a_time_that_is_none_is_told(run) -> None:
    code, _, err = run("quarantine", "add", "web", "1.0", "-m", "x", "--until", "tomorrow")
    assert (code, "2026-12-24" in err) == (2, True)


def test_an_image_without_a_tag_is_told(run) -> None:
    code, _, err = run("release", "add", "web", "1.0", "--image", "worker")
    assert (code, "ALIAS=TAG" in err) == (2, True)


def row(**given: Any) -> dict[str, Any]:
    return {"chosen": False, "wanted": False, "waits_until": None, **given}


def test_verdicts() -> None:
    found = [explain._verdict(one) for one in (row(chosen=True), row(wanted=True), row(waits_until="x"), row())]
    assert found == ["chosen", "matches", "waits", "no"]


def test_a_place_that_does_not_answer_is_unknown() -> None:
    asked = {"unknown_since": "2026-01-01T00:00:00Z", "last_error": "503", "last_look_at": None}
    assert sources._state(asked).startswith("unknown for ")
    assert until(None, otherwise="never") == "never"
    assert until("2020-01-01T00:00:00Z") == "now"
