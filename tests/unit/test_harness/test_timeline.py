"""The timeline: what a stage raises decides how it ended, and every step is told twice."""

import pytest

from test_harness.errors import CouldNotTell, CutOff, ReleaseFailed, Skipped
from test_harness.rehearsal import merged
from test_harness.rehearsal.artifacts import repository_of
from test_harness.rehearsal.timeline import Timeline


def raising(error):
    def action():
        raise error

    return action


@pytest.mark.parametrize(
    ("action", "state", "message", "goes_on"),
    [
        (lambda: "done\n in  time", "passed", "done in time", True),
        (raising(Skipped("no suite")), "skipped", "no suite", True),
        (raising(ReleaseFailed("it crashed")), "failed", "it crashed", False),
        (raising(CouldNotTell("no answer")), "errored", "no answer", False),
        (raising(KeyError("our bug")), "errored", "'our bug'", False),
        (raising(ValueError()), "errored", "ValueError", False),
    ],
)
def test_what_a_stage_raises_decides_its_state(action, state, message, goes_on):
    told = []
    timeline = Timeline(told.append)
    assert timeline.run("base-install", "Install 1", action) is goes_on
    assert [(step.name, step.state) for step in told] == [("install", "running"), ("install", state)]
    assert told[1].message == message
    assert timeline.outcomes == {"base-install": state}
    assert timeline.steps == (told[1],)


def test_a_cut_off_is_noted_and_passed_on():
    timeline = Timeline(lambda step: None)
    with pytest.raises(CutOff):
        timeline.run("upgrade", "Upgrade", raising(CutOff("time is up")))
    assert timeline.outcomes == {"upgrade": "errored"}


def test_messages_are_redacted_before_they_are_told():
    told = []
    timeline = Timeline(told.append, redact=lambda text: text.replace("hunter2", "[redacted]"))
    timeline.run("verify", "Check", raising(ReleaseFailed("password hunter2 refused")))
    assert told[-1].message == "password [redacted] refused"


def test_values_are_laid_over_as_helm_does():
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 2}
    assert merged(below, {"a": {"y": [3]}, "c": None}) == {"a": {"x": 1, "y": [3]}, "b": 2, "c": None}


@pytest.mark.parametrize(
    "image", ["r.io:5000/a/b", "r.io:5000/a/b:1.0", "r.io:5000/a/b:1.0@sha256:00", "r.io:5000/a/b@sha256:00"]
)
def test_the_repository_of_an_image(image):
    assert repository_of(image) == "r.io:5000/a/b"
