"""The Docker Engine: the one that answers, or one of our own where none does.

Ours keeps its data in the cache directory, its sockets in a short folder under /run, and outlives the process that
started it: a second process finds and uses it. It is stopped by its recorded id, never by name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from test_harness.offline.cache import cache_dir, locked
from test_harness.offline.commands import as_root, run, tail
from test_harness.offline.errors import ProvisioningError
from test_harness.offline.processes import Process, process
from test_harness.offline.progress import step

SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
"""Where programs for root lie too, also when a plain person's PATH leaves those folders out."""

_START_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    """A Docker Engine that answers. `host` is its DOCKER_HOST; None where Docker's own settings lead to it."""

    host: str | None
    ours: bool = False

    def environment(self) -> dict[str, str]:
        """The environment for programs that shall use this engine."""
        chosen = {"DOCKER_HOST": self.host} if self.host else {}
        # The engine that Debian has knows only the classic builder.
        builder = {"DOCKER_BUILDKIT": "0"} if self.ours else {}
        return os.environ | {"PATH": SYSTEM_PATH} | chosen | builder

    def docker(self, *arguments: str | Path, text_in: str | None = None, timeout: float = 600) -> str:
        """What `docker ARGUMENTS…` prints. Raises `ProvisioningError` with the end of its output."""
        return run(["docker", *arguments], environment=self.environment(), text_in=text_in, timeout=timeout)

    def has_image(self, tag: str) -> bool:
        """Whether the engine holds an image of that name."""
        return bool(self.docker("image", "ls", "--quiet", tag).strip())

    def version(self) -> str:
        """The engine's version, such as 20.10.24."""
        return self.docker("version", "--format", "{{.Server.Version}}", timeout=20).strip()


def find() -> Engine | None:
    """The engine that answers: Docker's own settings first (DOCKER_HOST, context, socket), then ours."""
    candidates = [Engine(os.environ.get("DOCKER_HOST") or None, ours=os.environ.get("DOCKER_HOST") == _host())]
    if not os.environ.get("DOCKER_HOST") and _recorded():
        candidates.append(Engine(_host(), ours=True))
    return next((each for each in candidates if _answers(each)), None)


def ensure(*, runtime_wrapper: bool) -> Engine:
    """An engine that answers; started where there is none. Refuses where DOCKER_HOST names one that does not answer."""
    found = find()
    if found:
        return found
    named = os.environ.get("DOCKER_HOST")
    if named and named != _host():
        raise ProvisioningError(f"DOCKER_HOST={named} does not answer: start that engine, or unset DOCKER_HOST")
    with locked(cache_dir() / "engine" / "lock"):
        return find() or _start(runtime_wrapper=runtime_wrapper)


def stop() -> bool:
    """Stop our own engine. False where none of ours runs, or where containers run in it: they are somebody's."""
    with locked(cache_dir() / "engine" / "lock"):
        running = _recorded()
        if running is None or Engine(_host(), ours=True).docker("ps", "--quiet").strip():
            return False
        running.stop(patience=40)
        (_home() / "engine.json").unlink(missing_ok=True)
        return True


def _start(*, runtime_wrapper: bool) -> Engine:
    dockerd = shutil.which("dockerd", path=SYSTEM_PATH)
    if not dockerd:
        raise ProvisioningError("no Docker Engine is installed: `apt-get install docker.io iptables`")
    with step("Docker Engine of our own", expected=5):
        _clear_folders()
        log = _home() / "dockerd.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [str(word) for word in as_root([dockerd, *_options(runtime_wrapper=runtime_wrapper)])],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"PATH": SYSTEM_PATH},
                start_new_session=True,
            )
        _wait(child, log)
        _record()
    return Engine(_host(), ours=True)


def _options(*, runtime_wrapper: bool) -> list[str | Path]:
    options: list[str | Path] = ["--data-root", _home() / "data", "--exec-root", _run_folder() / "exec"]
    options += ["--host", _host(), "--pidfile", _run_folder() / "pid"]
    if os.geteuid() != 0:
        options += ["--group", str(os.getgid())]
    if runtime_wrapper:
        options += ["--add-runtime", f"without-sys-resource={_wrapper()}", "--default-runtime", "without-sys-resource"]
    return options


def _clear_folders() -> None:
    """Make the folders; a pid file left by a killed engine would stop the next one from starting."""
    _home().mkdir(parents=True, exist_ok=True)
    run(as_root(["mkdir", "-p", _run_folder()]))
    run(as_root(["rm", "-f", _run_folder() / "pid"]))


def _wait(child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if _answers(Engine(_host(), ours=True)):
            return
        if child.poll() is not None:
            break
        time.sleep(0.2)
    child.terminate()
    raise ProvisioningError(f"the Docker Engine did not start; the end of {log}:\n{tail(log.read_text())}")


def _record() -> None:
    running = process(int((_run_folder() / "pid").read_text()))
    if running is None:
        raise ProvisioningError(
            "the Docker Engine answered and was gone: see engine/dockerd.log in the cache directory"
        )
    (_home() / "engine.json").write_text(json.dumps({"pid": running.pid, "started": running.started}))


def _recorded() -> Process | None:
    try:
        known = json.loads((_home() / "engine.json").read_text())
        running = Process(known["pid"], known["started"])
    except (OSError, ValueError, KeyError):
        return None
    return running if running.is_alive() else None


def _answers(engine: Engine) -> bool:
    try:
        return bool(engine.version())
    except ProvisioningError:
        return False


def _wrapper() -> Path:
    """The runtime wrapper as a program of its own: the interpreter's path is put into its first line."""
    python = shutil.which("python3", path="/usr/bin:/bin") or sys.executable
    source = Path(__file__).with_name("runc_without_sys_resource.py").read_text()
    target = _home() / "runc-without-sys-resource"
    part = target.with_suffix(".part")
    part.write_text(source.replace("#!/usr/bin/env python3", f"#!{python} -IS", 1))
    part.chmod(0o755)
    part.replace(target)
    return target


def _home() -> Path:
    return cache_dir() / "engine"


def _run_folder() -> Path:
    # A socket's path has room for 107 bytes, which a cache directory may well exceed.
    return Path("/run") / f"tidegate-{hashlib.sha256(str(cache_dir()).encode()).hexdigest()[:8]}"


def _host() -> str:
    return f"unix://{_run_folder() / 'docker.sock'}"
