"""A rehearsal: install what runs now, put data in, upgrade, check, go back, check again; the first release is only installed.

The forward stages stop at the first that does not pass. The way back is tried only for a release that passed: first a
plain rollback, and where that is not enough the backup. What the stages prove is decided in ``test_harness.verdict``.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from cluster_agent.applying.artifacts import NO_LOGINS
from cluster_agent.applying.registry_login import Logins
from cluster_agent.backup.snapshots import Snapshot
from cluster_agent.contract import ApplicationManifest, RollbackContract
from test_harness.errors import CouldNotTell, CutOff, ReleaseFailed, Skipped
from test_harness.evidence import Evidence
from test_harness.phases import Phase
from test_harness.rehearsal.artifacts import Artifacts
from test_harness.rehearsal.site import Site, site_for
from test_harness.rehearsal.subject import Subject
from test_harness.rehearsal.suite import Suite, Target
from test_harness.rehearsal.timeline import Timeline
from test_harness.runner import EvidenceFile, RunReport, RunRequest, StepReport
from test_harness.verdict import Stage, blamed_stage, decide_contract, decide_verdict

PlannedStage = tuple[Stage, str, Callable[[], str]]


def rehearse(
    request: RunRequest, *, work: Path, tell: Callable[[StepReport], None], logins: Logins = NO_LOGINS
) -> RunReport:
    """Run the whole rehearsal; ``work`` is an empty folder for its own files. Never raises: a cut-off is an errored report."""
    evidence = Evidence(Path(request.evidence))
    evidence.redact.learn_logins(logins)
    timeline = Timeline(tell, redact=evidence.redact)
    with ExitStack() as stack:
        run = Rehearsal(request, timeline, evidence, work, stack, logins)
        cut_off = ""
        try:
            run.forward_and_back()
        except CutOff as error:
            cut_off = str(error)
        run.collect()
        files = evidence.finish(timeline.steps)
    return run.report(files, cut_off)


@dataclass
class Rehearsal:
    """One run. What the stages learn for those after them is kept here; ``stack`` removes the cluster at the end."""

    request: RunRequest
    timeline: Timeline
    evidence: Evidence
    work: Path
    stack: ExitStack
    logins: Logins
    site: Site | None = None
    running: ApplicationManifest | None = None
    base_revision: int = 0
    newest_revision: int = 0
    snapshot: Snapshot | None = None
    artifacts: Artifacts = field(init=False)
    candidate: ApplicationManifest = field(init=False)
    base: ApplicationManifest | None = field(init=False)

    def __post_init__(self) -> None:
        self.artifacts = Artifacts(self.work / "charts", self.request.registries, self.logins)
        self.candidate = with_values(self.request.candidate, self.request.values)
        self.base = with_values(self.request.base, self.request.values) if self.request.base else None

    def forward_and_back(self) -> None:
        """Run the stages to the first that does not pass; then, where there is a base, the way back to it."""
        if all(self.timeline.run(*planned) for planned in self._forward()) and self.base:
            self.collect()
            self._back(self.base)

    def _forward(self) -> list[PlannedStage]:
        new, old = self.candidate, self.base
        fetch: PlannedStage = ("artifacts", f"Chart and images of {new.release}", lambda: self._fetch(new))
        cluster: PlannedStage = ("cluster", "A cluster of its own", self._open_site)
        if old is None:
            return [
                fetch,
                cluster,
                ("install", f"Install {new.release}", lambda: self._change_to(new)),
                ("seed", "Put data in", lambda: self._suite("seed", new)),
                ("verify", f"Check {new.release}", lambda: self._suite("install", new)),
            ]
        return [
            ("base-artifacts", f"Chart and images of {old.release}", lambda: self._fetch(old)),
            fetch,
            cluster,
            ("base-install", f"Install {old.release}, the release to upgrade from", lambda: self._change_to(old)),
            ("base-seed", "Put data in", lambda: self._suite("seed", old)),
            ("base-verify", f"Check {old.release} before the upgrade", lambda: self._suite("base", old)),
            ("backup", f"Back up {old.release}", lambda: self._back_up(old)),
            ("upgrade", f"Upgrade {old.release} to {new.release}", lambda: self._upgrade(old, new)),
            ("verify", f"Check {new.release}", lambda: self._suite("upgrade", new)),
        ]

    def _back(self, old: ApplicationManifest) -> None:
        run = self.timeline.run
        plain = run("rollback", f"Roll back to {old.release}", lambda: self._roll_back(old)) and run(
            "rollback-verify", f"Check {old.release} after the rollback", lambda: self._suite("rollback", old)
        )
        if plain or self.snapshot is None or "errored" in self.timeline.outcomes.values():
            return
        snapshot = self.snapshot
        if run("restore", f"Restore the data of {old.release}", lambda: self._restore(old, snapshot)):
            run("restore-verify", f"Check {old.release} after the restore", lambda: self._suite("restore", old))

    def _fetch(self, application: ApplicationManifest) -> str:
        self.artifacts.chart(application)
        self.artifacts.check_images(application)
        return f"chart and {len(application.images)} images are there"

    def _open_site(self) -> str:
        self.site = self.stack.enter_context(site_for(self.request, self.logins))
        return f"{self.site.name}, Kubernetes {self.site.kubernetes}"

    def _change_to(self, application: ApplicationManifest) -> str:
        self.running = application
        subject = self._subject()
        try:
            revision = subject.change_to(application)
        finally:
            self.evidence.learn_secrets(subject.kube, application.namespace)
        if application is self.base:
            self.base_revision = revision
        self.newest_revision = revision
        return f"{application.name} {application.release} is healthy"

    def _upgrade(self, old: ApplicationManifest, new: ApplicationManifest) -> str:
        if old.namespace != new.namespace:
            raise ReleaseFailed(
                f"{new.release} is for namespace {new.namespace}, and {old.release} runs in {old.namespace}: it would be installed "
                f"beside it, without its data. `tidegate channel drop CHANNEL {new.name}` first, then `tidegate release requeue`"
            )
        return self._change_to(new)

    def _back_up(self, base: ApplicationManifest) -> str:
        if not base.backup:
            raise Skipped("the application declares no backup")
        self.snapshot = self._subject().back_up(base)
        return f"{sum(saved.size for saved in self.snapshot.steps):,} bytes saved"

    def _roll_back(self, base: ApplicationManifest) -> str:
        self.running = base
        self.newest_revision += 1  # what Helm makes of it, whether it becomes healthy or not
        self._subject().roll_back(base, to=self.base_revision)
        return f"{base.name} {base.release} is healthy"

    def _restore(self, base: ApplicationManifest, snapshot: Snapshot) -> str:
        self._subject().restore(base, snapshot, to=self.newest_revision)
        return "the backup taken before the upgrade is back"

    def _suite(self, phase: Phase, application: ApplicationManifest) -> str:
        if self.request.suite is None:
            raise Skipped("the application has no suite")
        site = self._site()
        target = Target(site.kubeconfig, application.namespace, site.kubectl)
        suite = Suite(Path(self.request.suite), self.work, self.evidence.folder)
        return suite.run(phase, application.release, target, limit=float(application.timeout_seconds))

    def _site(self) -> Site:
        if self.site is None:
            raise CouldNotTell("there is no cluster")
        return self.site

    def _subject(self) -> Subject:
        site = self._site()
        return Subject(site.kube, site.driver(self.work / "helm"), self.artifacts, self.work / "backup")

    def collect(self) -> None:
        """Save what the cluster says now."""
        if self.site and self.running:
            self.evidence.collect(self.site.kube, self.running)

    def report(self, files: tuple[EvidenceFile, ...], cut_off: str) -> RunReport:
        """Return the report of what the stages showed; ``cut_off`` says why the run was ended early."""
        outcomes = self.timeline.outcomes
        contract = decide_contract(outcomes)
        return RunReport(
            run_id=self.request.run_id,
            verdict="errored" if cut_off else decide_verdict(outcomes),
            reason=cut_off or self._reason(contract),
            steps=self.timeline.steps,
            evidence=files,
            contract="unknown" if cut_off else contract,
            cluster=self.site.name if self.site else "",
            kubernetes=self.site.kubernetes if self.site else "",
        )

    def _reason(self, contract: RollbackContract) -> str:
        ended = self.timeline.ended
        if blamed := blamed_stage(self.timeline.outcomes):
            return f"{ended[blamed].title}: {ended[blamed].message}"
        what = f"{self.candidate.name} {self.candidate.release}"
        if self.base is None:
            return f"{what} installs and passes its checks"
        words = {
            "reversible": "a plain rollback leads back",
            "restore-required": "only its backup leads back",
            "one-way": "nothing leads back",
        }
        failed = [step.message for step in ended.values() if step.state == "failed"]
        why = f": {failed[0]}" if failed else ""
        return f"{what} passes; from it to {self.base.release} {words.get(contract, 'the way back is unknown')}{why}"


def with_values(application: ApplicationManifest, values: Mapping[str, Any]) -> ApplicationManifest:
    """Return ``application`` with ``values`` laid over its own, as Helm lays one values file over another."""
    return msgspec.structs.replace(application, values=merged(application.values, values))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge maps key by key; everything else of ``above`` replaces what is below."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result
