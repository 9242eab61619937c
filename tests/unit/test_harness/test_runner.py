"""The runner against real child processes that die, hang, talk rubbish or outlive their parent."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from cluster_agent.contract import ApplicationManifest, Artifact
from test_harness import runner
from test_harness.runner import Login, RunReport, RunRequest, StepReport, run, spellings

APPLICATION = ApplicationManifest(
    name="notes",
    release="1.0.0",
    release_digest="sha256:" + "1" * 64,
    namespace="notes",
    artifact=Artifact(ref="ghcr.io/tidegate/charts/notes", digest="sha256:" + "2" * 64),
)
STEP = StepReport(name="cluster", title="A cluster", state="running", started_at=datetime(2026, 1, 1, tzinfo=UTC))
WRITE_REPORT = "pathlib.Path(sys.argv[1]).with_name('report.json').write_bytes({report!r})"


@pytest.fixture
def request_(tmp_path):
    return RunRequest(run_id="r1", candidate=APPLICATION, evidence=str(tmp_path / "evidence"), timeout_seconds=10)


@pytest.fixture
def child(tmp_path, monkeypatch):
    """`child(code)`: what runs in place of the harness."""
    monkeypatch.setattr(runner, "GRACE_SECONDS", 1.0)

    def use(code):
        file = tmp_path / "child.py"
        file.write_text(f"import os, pathlib, signal, subprocess, sys, time\n{textwrap.dedent(code)}")
        monkeypatch.setattr(runner, "PROGRAM", (sys.executable, str(file)))

    return use


def report_line(verdict="passed", run_id="r1"):
    report = RunReport(run_id=run_id, verdict=verdict, reason="because", steps=(STEP,))
    return WRITE_REPORT.format(report=msgspec.json.encode(report))


def ignore(step):
    pass


@pytest.mark.parametrize(("verdict", "code"), [("passed", 0), ("failed", 1), ("errored", 2)])
def test_the_report_is_handed_on_when_it_agrees_with_the_exit_code(child, request_, verdict, code):
    child(f"{report_line(verdict)}; sys.exit({code})")
    report = run(request_, on_event=ignore)
    assert (report.verdict, report.reason) == (verdict, "because")


@pytest.mark.parametrize("code", [1, 2, 3, 139])
def test_a_report_that_contradicts_the_exit_code_is_not_believed(child, request_, code):
    child(f"{report_line('passed')}; sys.exit({code})")
    assert run(request_, on_event=ignore).verdict == "errored"


def test_a_report_of_another_run_is_not_believed(child, request_):
    child(f"{report_line(run_id='r2')}")
    assert run(request_, on_event=ignore).verdict == "errored"


def test_no_report_is_errored_and_keeps_the_childs_words(child, request_, tmp_path):
    child("raise RuntimeError('out of ideas')")
    report = run(request_, on_event=ignore)
    assert report.verdict == "errored"
    assert "without a report" in report.reason
    assert "out of ideas" in (tmp_path / "evidence" / "harness.log").read_text()
    assert [file.path for file in report.evidence] == ["harness.log"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"verdict": "splendid"}', b"\xff\xfe"])
def test_a_report_that_cannot_be_read_is_errored(child, request_, content):
    child(WRITE_REPORT.format(report=content))
    report = run(request_, on_event=ignore)
    assert report.verdict == "errored"
    assert "cannot be read" in report.reason


def test_a_killed_child_is_errored_and_its_running_step_too(child, request_):
    child(f"print({msgspec.json.encode(STEP).decode()!r}, flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    report = run(request_, on_event=ignore)
    assert report.verdict == "errored"
    assert "signal 9" in report.reason
    assert [step.state for step in report.steps] == ["errored"]


def test_steps_are_told_in_order_and_rubbish_between_them_is_skipped(child, request_):
    ended = msgspec.structs.replace(STEP, state="passed", ended_at=STEP.started_at)
    lines = [json.dumps({"no": "step"}), msgspec.json.encode(STEP).decode(), "rubbish", "x" * 200_000, ""]
    lines.append(msgspec.json.encode(ended).decode())
    child(f"print({chr(10).join(lines)!r}, flush=True); sys.stdout.buffer.write(b'\\xff\\x00\\n'); {report_line()}")
    told = []
    assert run(request_, on_event=told.append).verdict == "passed"
    assert told == [STEP, ended]


def test_a_child_that_hangs_is_told_to_stop_and_may_still_report(child, request_):
    child(f"""
        def stop(*_):
            {report_line("errored")}
            os._exit(2)
        signal.signal(signal.SIGTERM, stop)
        time.sleep(60)
    """)
    report = run(msgspec.structs.replace(request_, timeout_seconds=1), on_event=ignore)
    assert (report.verdict, report.reason) == ("errored", "because")


def test_a_child_that_does_not_stop_is_killed_with_all_it_started(child, request_, tmp_path):
    child(f"""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(other.pid))
        time.sleep(60)
    """)
    began = time.monotonic()
    report = run(msgspec.structs.replace(request_, timeout_seconds=1), on_event=ignore)
    assert report.verdict == "errored"
    assert "did not end within" in report.reason
    assert time.monotonic() - began < 6
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_grandchild_that_holds_the_output_open_delays_nobody(child, request_):
    child(f"subprocess.Popen(['sleep', '30']); {report_line()}")
    began = time.monotonic()
    assert run(request_, on_event=ignore).verdict == "passed"
    assert time.monotonic() - began < 5


def test_what_the_listener_raises_ends_the_child(child, request_, tmp_path):
    child(f"""
        pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
        print({msgspec.json.encode(STEP).decode()!r}, flush=True)
        time.sleep(60)
    """)

    def complain(step):
        raise LookupError("the run is gone")

    with pytest.raises(LookupError):
        run(request_, on_event=complain)
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_the_child_does_not_see_our_secrets(child, request_, monkeypatch, tmp_path):
    monkeypatch.setenv("TIDEGATE_SECRET_KEY", "s3cret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    child(f"pathlib.Path({str(tmp_path / 'env')!r}).write_text(repr(dict(os.environ)))")
    run(request_, on_event=ignore)
    seen = (tmp_path / "env").read_text()
    assert "s3cret" not in seen
    assert "PATH" in seen


LOGINS = {
    "ghcr.io/acme/web": Login("robot", "s3cret-word"),
    "acme.azurecr.io/x": Login("", "1dentity", is_identity=True),
}


def test_logins_come_through_the_pipe_and_are_nowhere_else(child, request_, tmp_path):
    child(f"""
        from test_harness.lifeline import end_with_parent, handed_over
        pathlib.Path({str(tmp_path / "got")!r}).write_bytes(handed_over())
        end_with_parent()
        everything = " ".join(sys.argv) + repr(dict(os.environ)) + pathlib.Path(sys.argv[1]).read_text()
        everything += "".join(str(path) for path in pathlib.Path(sys.argv[1]).parent.iterdir())
        pathlib.Path({str(tmp_path / "seen")!r}).write_text(everything)
        {report_line()}
    """)
    assert run(request_, on_event=ignore, logins=LOGINS).verdict == "passed"
    got = json.loads((tmp_path / "got").read_bytes())["auths"]
    assert got["ghcr.io/acme/web"] == {"auth": "cm9ib3Q6czNjcmV0LXdvcmQ="}
    assert got["acme.azurecr.io/x"] == {"username": "", "identitytoken": "1dentity"}
    assert not any(text in (tmp_path / "seen").read_text() for login in LOGINS.values() for text in spellings(login))
    assert "s3cret-word" not in repr(LOGINS)


def test_what_programs_say_of_a_login_is_taken_out_of_the_log(child, request_):
    said = " and ".join(["cm9ib3Q6czNjcmV0LXdvcmQ=", "s3cret-word", "1dentity"])
    child(f"sys.stderr.write({said!r}); {report_line()}")
    report = run(request_, on_event=ignore, logins=LOGINS)
    log = next(file for file in report.evidence if file.path == runner.LOG)
    assert Path(request_.evidence, runner.LOG).read_text() == "[redacted] and [redacted] and [redacted]"
    assert log.size == len("[redacted] and [redacted] and [redacted]")


def test_many_logins_for_a_child_that_does_not_read_them_hold_up_nobody(child, request_):
    child("time.sleep(60)")
    many = {f"ghcr.io/acme/web-{number}": Login("robot", "x" * 100) for number in range(2_000)}
    began = time.monotonic()
    report = run(msgspec.structs.replace(request_, timeout_seconds=1), on_event=ignore, logins=many)
    assert "did not end within" in report.reason or "by signal" in report.reason
    assert time.monotonic() - began < 8


WORKER = """
import sys
from test_harness import runner
import msgspec
runner.PROGRAM = (sys.executable, sys.argv[2])
request = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=runner.RunRequest)
runner.run(request, on_event=lambda step: None)
"""
HARNESS = """
import os, pathlib, sys, time
from test_harness.lifeline import end_with_parent
end_with_parent()
pathlib.Path({pid!r}).write_text(str(os.getpid()))
time.sleep(60)
"""


def test_the_harness_dies_with_its_worker(request_, tmp_path):
    pid, request_file, harness = tmp_path / "pid", tmp_path / "request.json", tmp_path / "harness.py"
    request_file.write_bytes(msgspec.json.encode(msgspec.structs.replace(request_, timeout_seconds=60)))
    harness.write_text(HARNESS.format(pid=str(pid)))
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(request_file), str(harness)])
    while not (pid.exists() and pid.read_text()):
        assert worker.poll() is None
        time.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert is_gone(int(pid.read_text()))


def test_the_runner_is_cheap_to_import():
    heavy = "{'kubernetes', 'pytest', 'httpx2', 'docker'}"
    code = f"import sys, test_harness.runner; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":  # a zombie is gone, too
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False
