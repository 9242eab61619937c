"""The story, step by step. Each step does what a maintainer or an upstream does, waits for what must follow, and checks it.

A step that does not come true raises ``StoryFailed`` with what was seen instead.
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from test_harness.demo.narrator import Narrator, StoryFailed
from test_harness.demo.stage import CLUSTER, Stage

FIRST, SECOND, BROKEN, REFUSED = "2.2.8", "2.2.16", "2.2.17", "2.2.18"
SCHEMA = {FIRST: 108, SECOND: 123}
DETECTED_SECONDS = 10.0
REHEARSED_SECONDS = 300.0
PUBLISHED_SECONDS = 60.0
INSTALLED_SECONDS = 240.0


@dataclass
class Story:
    """Plays on a ``stage`` and tells by ``narrator``; ``seen`` keeps what the tests and the closing table read."""

    stage: Stage
    narrator: Narrator
    seen: dict[str, Any] = field(default_factory=dict)

    def play(self) -> None:
        """All of it, in order."""
        self.curtain()
        self.first_release()
        self.upgrade()
        self.broken_release()
        self.refused_by_one_cluster()
        self.tampering()

    def curtain(self) -> None:
        """1: control plane, registry and a user's cluster come up; its agent enrols and follows stable."""
        self.narrator.chapter("1  a control plane, a registry, and a user's cluster whose agent follows stable")
        self.stage.up(FIRST)
        with self.narrator.step(
            f"declares {self.stage.application} and its channels edge and stable (tidegate app apply)"
        ):
            self.stage.control_plane.cli("app", "apply", "-f", self.stage.example / "application.yaml")
        self.stage.join_cluster()
        self.narrator.wait(
            f"the agent in {CLUSTER} enrols", lambda: self._cluster() if self._contact() else None, seconds=90
        )

    def first_release(self) -> None:
        """2: the first release goes all the way; a user and feeds are created."""
        self.narrator.chapter(f"2  {self.stage.application} {FIRST} was published upstream")
        self.stage.build_ahead((SECOND, None), (BROKEN, "migration"), (REFUSED, "appetite"))
        self._rehearse(FIRST, seconds=REHEARSED_SECONDS)
        self._approve_and_install(FIRST)
        with self.narrator.step("a user and feeds are created through Miniflux's own API"):
            self.suite("seed", FIRST)
        self.suite("verify", FIRST)

    def upgrade(self) -> None:
        """3: an upgrade with a real migration, found by poll."""
        self.narrator.chapter(f"3  {SECOND} appears: its database schema is {SCHEMA[SECOND]}, was {SCHEMA[FIRST]}")
        self.stage.publish(SECOND, notify=False)
        self._release_appears(SECOND, "poll", DETECTED_SECONDS)
        self.stage.accept_webhooks()
        self._rehearse(SECOND, seconds=REHEARSED_SECONDS)
        self._approve_and_install(SECOND)
        with self.narrator.step(f"the user and the feeds are still there; the schema is {SCHEMA[SECOND]}"):
            self.suite("verify", SECOND)

    def broken_release(self) -> None:
        """4: a migration fails; nothing leaves."""
        self.narrator.chapter(f"4  {BROKEN} appears: its migration fails")
        before = self.channel_bytes()
        self.stage.publish(BROKEN, broken="migration")
        self._release_appears(BROKEN, "webhook", DETECTED_SECONDS)
        failed = self.narrator.wait(
            f"the rehearsal of {BROKEN} fails",
            lambda: self._release_in(BROKEN, {"failed"}, {"verified", "rejected"}),
            seconds=REHEARSED_SECONDS,
            explain=lambda: self._describe(BROKEN),
        )
        self.seen["broken"] = failed
        self.narrator.tell(f"the dashboard says: {failed['state_reason']}")
        if self.channel_bytes() != before:
            raise StoryFailed("the channel's files changed though the release failed")
        with self.narrator.step("the channel's files did not change by one byte"):
            pass

    def refused_by_one_cluster(self) -> None:
        """5: passes the rehearsal, fails in the user's cluster alone: rolled back by the agent."""
        self.narrator.chapter(f"5  {REFUSED} passes the rehearsal, but the user's cluster has a quota that refuses it")
        self.stage.limit_user_cluster()
        self.stage.publish(REFUSED, broken="appetite")
        self._release_appears(REFUSED, "webhook", DETECTED_SECONDS)
        self._rehearse(REFUSED, seconds=REHEARSED_SECONDS)
        self._approve(REFUSED)
        rolled_back = self.narrator.wait(
            f"the agent rolls back to {SECOND} by itself",
            lambda: self._installation_with("rolled_back"),
            seconds=INSTALLED_SECONDS,
            explain=self._describe_cluster,
        )
        self.seen["rolled_back"] = rolled_back
        self.narrator.tell(f"its report says: {rolled_back['message']}")
        self._expect(rolled_back["running"] == SECOND, f"{rolled_back['running']} runs instead of {SECOND}")
        with self.narrator.step("the data is intact"):
            self.suite("verify", SECOND)
        self.seen["halted"] = self.narrator.wait("the rollout stands halted", self._halted, seconds=30)
        self._not_tried_again(rolled_back)

    def tampering(self) -> None:
        """6: unsigned and older files are refused."""
        self.narrator.chapter("6  someone changes the control plane's files")
        genuine = self.stage.control_plane.channel_files
        kept = self.stage.folder / "genuine"
        shutil.copytree(genuine, kept, dirs_exist_ok=True)
        _change_without_signing(genuine)
        self._refusal("an unsigned manifest is put in place: the agent refuses it", {"untrusted_unsigned"})
        _put_back(self.stage.folder / "older", genuine)
        self._refusal("an older, once genuine state is put back: the agent refuses it", {"untrusted_rollback_attack"})
        _put_back(kept, genuine)
        self._expect(self._running() == SECOND, f"{self._running()} runs instead of {SECOND}")

    def suite(self, phase: str, version: str) -> None:
        """Run the application's own suite against the user's cluster, by hand, as its maintainer would."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", self.stage.example / "suite",
             self.stage.example / "suite", *self.stage.suite_options(phase, version)],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        self._expect(
            done.returncode == 0, f"the suite's {phase} phase failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
        )

    def channel_bytes(self) -> str:
        """One hash over every file that clusters may read, with its name."""
        root = self.stage.control_plane.channel_files
        whole = hashlib.sha256()
        for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")):
            whole.update(str(path.relative_to(root)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return whole.hexdigest()

    # What must follow, and how it is looked at.

    def _release_appears(self, version: str, how: str, seconds: float) -> None:
        self.narrator.wait(f"{version} is detected by {how}", lambda: self._release(version), seconds=seconds)

    def _rehearse(self, version: str, *, seconds: float) -> None:
        self.narrator.wait(
            f"{version} is rehearsed in a throw-away cluster",
            lambda: self._release_in(version, {"verified"}, {"failed", "rejected", "superseded"}),
            seconds=seconds,
            explain=lambda: self._describe(version),
        )
        self.narrator.wait(
            f"{version} is published in edge by itself",
            lambda: self._in_channel("edge", version),
            seconds=PUBLISHED_SECONDS,
        )

    def _approve(self, version: str) -> None:
        self.narrator.wait(
            f"{version} asks for one approval for stable", lambda: self._asks(version), seconds=PUBLISHED_SECONDS
        )
        with self.narrator.step(f"a maintainer approves it (tidegate approve {self.stage.application} {version})"):
            self.stage.control_plane.cli(
                "approve", self.stage.application, version, "--channel", "stable", "-m", "told by the demo"
            )
        self.narrator.wait(
            f"{version} is published in stable", lambda: self._in_channel("stable", version), seconds=PUBLISHED_SECONDS
        )
        if version == FIRST:
            shutil.copytree(self.stage.control_plane.channel_files, self.stage.folder / "older", dirs_exist_ok=True)

    def _approve_and_install(self, version: str) -> None:
        self._approve(version)
        self.narrator.wait(
            f"the agent in {CLUSTER} installs {version} and finds it healthy",
            lambda: self._installation_with("healthy", version),
            seconds=INSTALLED_SECONDS,
            explain=self._describe_cluster,
        )

    def _refusal(self, what: str, codes: set[str]) -> None:
        def refused() -> dict[str, Any] | None:
            found = self._reports("refused")
            return next((report for report in found if report["code"] in codes), None)

        report = self.narrator.wait(what, refused, seconds=60, explain=lambda: str(self._reports("refused")[:3]))
        self.seen[report["code"]] = report
        self.narrator.tell(f"its report says: {report['message']}")

    def _not_tried_again(self, rolled_back: dict[str, Any]) -> None:
        def attempts() -> int:
            return sum(one["generation"] == rolled_back["generation"] for one in self._reports("applying"))

        before = attempts()
        with self.narrator.step("that generation is not tried again"):
            self.stage.let_agent_poll(times=3)
        self._expect(attempts() == before == 1, f"it was tried {attempts()} times")

    # Reads of the API.

    def _release(self, version: str) -> Any:
        return self.stage.control_plane.get(f"applications/{self.stage.application}/releases/{version}")

    def _release_in(self, version: str, wanted: set[str], wrong: set[str]) -> dict[str, Any] | None:
        release: dict[str, Any] | None = self._release(version)
        if release and release["state"] in wrong:
            raise StoryFailed(f"{version} is {release['state']}: {release['state_reason']}")
        return release if release and release["state"] in wanted else None

    def _in_channel(self, channel: str, version: str) -> bool | None:
        rows = self.stage.control_plane.get("channels") or []
        return (
            any(row["name"] == channel and row["applications"].get(self.stage.application) == version for row in rows)
            or None
        )

    def _asks(self, version: str) -> bool | None:
        rows = self.stage.control_plane.get(f"promotions?application={self.stage.application}") or []
        return any(row["version"] == version and row["state"] == "awaiting_approval" for row in rows) or None

    def _cluster(self) -> dict[str, Any]:
        rows = self.stage.control_plane.get("clusters") or []
        return next((row for row in rows if row["name"] == CLUSTER), {})

    def _contact(self) -> bool:
        return bool(self._cluster().get("last_contact_at"))

    def _installation(self) -> dict[str, Any]:
        installed = self._cluster().get("installations", [])
        return next((one for one in installed if one["application"] == self.stage.application), {})

    def _installation_with(self, outcome: str, running: str | None = None) -> dict[str, Any] | None:
        found = self._installation()
        right = found.get("outcome") == outcome and running in {None, found.get("running")}
        return found if right else None

    def _running(self) -> str | None:
        return self._installation().get("running")

    def _halted(self) -> dict[str, Any] | None:
        rows = self.stage.control_plane.get("rollouts") or []
        return next((row for row in rows if row["channel"] == "stable" and row["state"] == "halted"), None)

    def _reports(self, outcome: str) -> list[dict[str, Any]]:
        rows = self.stage.control_plane.get(f"clusters/{CLUSTER}/reports") or []
        return [row for row in rows if row["outcome"] == outcome]

    def _describe(self, version: str) -> str:
        release = self._release(version)
        if not release:
            return "the release is not known"
        steps = [f"{step['name']} {step['state']}" for run in release["runs"][-1:] for step in run["steps"]]
        return f"{release['state']} ({release['state_reason']}); {', '.join(steps)}"

    def _describe_cluster(self) -> str:
        return f"{self._installation()} in namespace {self.stage.application}"

    def _expect(self, right: bool, otherwise: str) -> None:
        if not right:
            raise StoryFailed(otherwise)


def _change_without_signing(files: Path) -> None:
    """What someone can do who has the web server's files but no key: say that there is something newer."""
    timestamp = files / "metadata" / "timestamp.json"
    text = timestamp.read_text()
    marker = '"version":'
    head, _, tail = text.rpartition(marker)
    digits = len(tail) - len(tail.lstrip(" 0123456789"))
    timestamp.write_text(f"{head}{marker}{int(tail[:digits]) + 1}{tail[digits:]}")


def _put_back(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
