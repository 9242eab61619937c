"""The harness's front door: run(request) → report, in a process of its own.

The only module of the harness that the control plane imports, so it imports nothing heavy.
Three verdicts: ``passed``; ``failed`` (the release is bad); ``errored`` (we could not tell: no cluster,
registry down, harness killed). The child's exit codes are 0, 1 and 2; anything else is ``errored``.

The child (``python -m test_harness REQUEST.json``) leads its own process group and holds the read end of a pipe as
its standard input: when this process dies, however it dies, the pipe closes and the child kills its group.
(A parent-death signal would end the child alone, and with the thread that started it, not with the process.)
The first line that comes through that pipe is a docker ``config.json`` with the logins of this one rehearsal: they are in no
argument, file, environment or request. Standard output carries one ``StepReport`` per line; the report is the file
``report.json`` beside the request.
"""

import base64
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from cluster_agent.contract import ApplicationManifest, RollbackContract, canonical_json, sha256_hex
from cluster_agent.contract.manifest import Struct
from test_harness.scratch import scratch

Verdict = Literal["passed", "failed", "errored"]
StepState = Literal["running", "passed", "failed", "errored", "skipped"]


class Registries(Struct, frozen=True, kw_only=True):
    """Where names are read: host (or ``*``) → mirror base URL, as seen from the harness's process and from inside a cluster's pods.

    ``artifacts`` is where charts lie that the control plane keeps: the folder (absolute path) or base URL of the channels' files.
    """

    from_host: dict[str, str] = {}
    from_pods: dict[str, str] = {}
    artifacts: str = ""


class Login(msgspec.Struct, frozen=True):
    """Who we are for a registry; ``is_identity``: the secret is an identity token. Prints without its secret."""

    user: str
    secret: str
    is_identity: bool = False

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, secret=…)"

    __str__ = __repr__


Logins = Mapping[str, Login]
"""Logins by repository: ``ghcr.io/acme/web``."""
NO_LOGINS: Logins = {}


class RunRequest(Struct, frozen=True, kw_only=True):
    """One rehearsal.

    ``candidate`` is the release under test; ``base`` what the channel has now (None: the first release).
    ``suite`` is a folder (absolute path) with the application's pytest suite, or None.
    ``evidence`` is a folder that the run fills.
    ``provider`` is ``kind`` or ``existing``. Times are seconds.
    """

    run_id: str
    candidate: ApplicationManifest
    evidence: str
    base: ApplicationManifest | None = None
    suite: str | None = None
    values: dict[str, Any] = {}
    registries: Registries = Registries()
    provider: Literal["kind", "existing"] = "kind"
    kubeconfig: str | None = None
    context: str | None = None
    timeout_seconds: int = 900


class StepReport(Struct, frozen=True, kw_only=True):
    """One step of the timeline.

    Names: ``artifacts``, ``cluster``, ``install``, ``seed``, ``backup``, ``upgrade``, ``verify``, ``rollback``, ``restore``.

    ``message`` is one line for people: for a failed step it quotes the log line that says why.
    """

    name: str
    title: str
    state: StepState
    started_at: datetime
    ended_at: datetime | None = None
    message: str = ""


class EvidenceFile(Struct, frozen=True, kw_only=True):
    """A file in the evidence folder: ``path`` is relative to it."""

    path: str
    title: str
    media_type: str
    sha256: str
    size: int


class RunReport(Struct, frozen=True, kw_only=True):
    """What a rehearsal found.

    ``contract`` says how one may come back from the candidate to the base; ``reason`` is one line for people.
    """

    run_id: str
    verdict: Verdict
    reason: str
    steps: tuple[StepReport, ...] = ()
    evidence: tuple[EvidenceFile, ...] = ()
    contract: RollbackContract = "unknown"
    cluster: str = ""
    kubernetes: str = ""


EXIT_CODES: dict[Verdict, int] = {"passed": 0, "failed": 1, "errored": 2}
PROGRAM: tuple[str, ...] = (sys.executable, "-m", "test_harness")
GRACE_SECONDS = 60.0  # from our SIGTERM to our SIGKILL: time to save the evidence and to delete the cluster
DRAIN_SECONDS = 20.0  # to delete the clusters that were made ahead
LONGEST_LINE = 65536
REDACTED = "[redacted]"
LOG = "harness.log"  # the child's standard error, in the evidence folder

# What the harness needs of our environment. All else, our secrets among it, stays here.
PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "TIDEGATE_CACHE_DIR"),
)


def run(request: RunRequest, *, on_event: Callable[[StepReport], None], logins: Logins = NO_LOGINS) -> RunReport:
    """Rehearse ``request`` in a child process; call ``on_event`` for each step as it begins and ends.

    ``logins`` are for the charts and images of this request; nothing that is left afterwards has them.

    Never raises for what happens to the child: that is an ``errored`` report. What ``on_event`` raises ends the child
    and is passed on.
    """
    Path(request.evidence).mkdir(parents=True, exist_ok=True)
    with scratch("run") as folder:
        request_file = folder / "request.json"
        request_file.write_bytes(canonical_json(request))
        steps: dict[tuple[str, datetime], StepReport] = {}

        def note(step: StepReport) -> None:
            steps[step.name, step.started_at] = step
            on_event(step)

        code = _supervise(request, request_file, logins, note)
        report = _conclude(request, request_file.with_name("report.json"), code, tuple(steps.values()))
    _take_out(logins, Path(request.evidence, LOG))
    log = evidence_file(Path(request.evidence), LOG, "Log of the harness", "text/plain")
    return msgspec.structs.replace(report, evidence=(*report.evidence, log))


def harness_environment() -> dict[str, str]:
    """Return the part of our environment that the harness may see."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def docker_config(logins: Logins) -> bytes:
    """Return ``logins`` as a docker ``config.json`` of one line."""
    auths = {place: _docker_entry(login) for place, login in logins.items()}
    return msgspec.json.encode({"auths": auths})


def _docker_entry(login: Login) -> dict[str, str]:
    if login.is_identity:
        return {"username": login.user, "identitytoken": login.secret}
    return {"auth": base64.b64encode(f"{login.user}:{login.secret}".encode()).decode()}


def _take_out(logins: Logins, log: Path) -> None:
    """Programs may say anything into the log; nobody finds a secret there."""
    secrets = {spelling for login in logins.values() for spelling in spellings(login)}
    if not secrets or not log.exists():
        return
    text = whole = log.read_text(errors="replace")
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    if text != whole:
        log.write_text(text)


def spellings(login: Login) -> set[str]:
    """Return a login's secret as programs may print it: as it is, and in base64 alone and with its user."""
    pair = f"{login.user}:{login.secret}"
    return {login.secret, *(base64.b64encode(text.encode()).decode() for text in (login.secret, pair))}


def _supervise(
    request: RunRequest, request_file: Path, logins: Logins, on_event: Callable[[StepReport], None]
) -> int | None:
    """Run the child to its end; return its exit code, or None when it had to be killed for its time."""
    deadline = time.monotonic() + request.timeout_seconds
    with _child(request, request_file) as child:
        _hand_over(child, logins)
        lines = _lines_of(child)
        if not _follow(child, lines, deadline, on_event):
            child.terminate()
            if not _follow(child, lines, time.monotonic() + GRACE_SECONDS, on_event):
                return None
        try:
            return child.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return None


@contextmanager
def _child(request: RunRequest, request_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child; at the end kill what is left of its process group."""
    with Path(request.evidence, LOG).open("ab") as log:
        child = subprocess.Popen(
            [*PROGRAM, str(request_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=harness_environment(),
            process_group=0,
        )
    try:
        yield child
    finally:
        _kill_group(child)


def _hand_over(child: subprocess.Popen[bytes], logins: Logins) -> None:
    """Write the line that the child waits for, from a thread: one that hangs or died shows elsewhere."""
    assert child.stdin is not None
    pipe, line = os.dup(child.stdin.fileno()), docker_config(logins) + b"\n"

    def write() -> None:
        left = line
        with suppress(OSError):
            while left:
                left = left[os.write(pipe, left) :]
        os.close(pipe)

    threading.Thread(target=write, daemon=True).start()


@contextmanager
def warm_clusters(size: int, log: Path) -> Iterator[None]:
    """Keep ``size`` clusters waiting for rehearsals while the block runs, by a process that ends with this one."""
    if size == 0:
        yield
        return
    with log.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "test_harness.warm", str(size)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=harness_environment(),
            process_group=0,
        )
    try:
        yield
    finally:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(DRAIN_SECONDS)
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # nobody is left
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def _lines_of(child: subprocess.Popen[bytes]) -> "queue.Queue[bytes | None]":
    """Read the child's standard output in a thread; None marks its end."""
    lines: queue.Queue[bytes | None] = queue.Queue()
    assert child.stdout is not None

    def pump(stream: IO[bytes]) -> None:
        try:
            while line := stream.readline(LONGEST_LINE):
                lines.put(line)
        except (OSError, ValueError):
            pass  # closed by us: the child was given up
        finally:
            lines.put(None)

    threading.Thread(target=pump, args=(child.stdout,), daemon=True).start()
    return lines


def _follow(
    child: subprocess.Popen[bytes],
    lines: "queue.Queue[bytes | None]",
    deadline: float,
    on_event: Callable[[StepReport], None],
) -> bool:
    """Hand steps on until the output ends (True) or the deadline has passed (False). Lines that are no steps are skipped."""
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=min(left, 0.5))
        except queue.Empty:
            if child.poll() is not None:  # a program that outlives it may hold its output open
                return True
            continue
        if line is None:
            return True
        try:
            step = msgspec.json.decode(line, type=StepReport)
        except msgspec.MsgspecError:
            continue
        on_event(step)
    return False


def _conclude(request: RunRequest, file: Path, code: int | None, steps: tuple[StepReport, ...]) -> RunReport:
    """Return the child's report if it is whole and agrees with the exit code; else say why we could not tell."""
    if code is None:
        limit = f"{request.timeout_seconds} s and {GRACE_SECONDS:.0f} s of grace"
        return _errored(request, f"the rehearsal was killed: it did not end within {limit}", steps)
    if code not in EXIT_CODES.values():
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return _errored(request, f"the harness ended {how}, see harness.log in the evidence", steps)
    try:
        report = msgspec.json.decode(file.read_bytes(), type=RunReport)
    except FileNotFoundError:
        return _errored(request, "the harness ended without a report, see harness.log in the evidence", steps)
    except msgspec.MsgspecError as error:
        return _errored(request, f"the harness left a report that cannot be read: {error}", steps)
    if report.run_id != request.run_id or EXIT_CODES[report.verdict] != code:
        return _errored(request, f"the harness left a report that contradicts its exit code {code}", steps)
    return report


def _errored(request: RunRequest, reason: str, steps: tuple[StepReport, ...]) -> RunReport:
    """Report that we could not tell; a step that was still running could not tell either."""
    ended = tuple(msgspec.structs.replace(step, state="errored") if step.state == "running" else step for step in steps)
    return RunReport(run_id=request.run_id, verdict="errored", reason=reason, steps=ended)


def evidence_file(folder: Path, path: str, title: str, media_type: str) -> EvidenceFile:
    """Describe the file ``path`` of the evidence ``folder``."""
    content = Path(folder, path).read_bytes()
    return EvidenceFile(path=path, title=title, media_type=media_type, sha256=sha256_hex(content), size=len(content))
