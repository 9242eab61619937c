"""A control plane's database as after some busy weeks, for looking at the pages and for the browser tests.

``python -m tests.browser.seed`` fills the database that the settings name; it must be empty.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cluster_agent.contract import ApplicationManifest, Artifact, canonical_json, release_digest, sha256_hex
from cluster_agent.contract.manifest import make_manifest
from control_plane.domain.accounts import Kind, scope_of
from control_plane.domain.rendered import rendered_objects
from control_plane.domain.versions.policy import Tag
from control_plane.services.accounts import account_add, host_key_accept
from control_plane.services.applications import application_declare
from control_plane.services.quarantines import quarantine_add
from control_plane.services.renderings import rendering_keep
from control_plane.settings import get_settings
from control_plane.store import hosts
from control_plane.store.accounts import use_of
from control_plane.store.models import (
    AgentReport,
    Application,
    Approval,
    AuditEvent,
    Channel,
    Cluster,
    Edge,
    Installation,
    LogCheck,
    Promotion,
    Publication,
    Release,
    Rollout,
    Run,
    RunStep,
    SourceTag,
    Upstream,
)
from control_plane.store.seen import note_listing
from control_plane.store.session import Session, session_scope
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.politeness import Manners, Quota
from control_plane.upstreams.sealed import keys_kept
from control_plane.upstreams.ssh_keys import server_key

NOW = datetime.now(UTC).replace(microsecond=0)
LOG_LINE = (
    'miniflux-5d8f7c9b4-x2k9p: level=ERROR msg="Unable to migrate the database" '
    'error="[Migration v124] pq: column \\"feed_icon_hash\\" of relation \\"feeds\\" already exists"'
)
STEPS = (
    ("cluster", "A throw-away cluster", 12),
    ("install", "Install what the channel has", 24),
    ("seed", "Put data in", 6),
    ("upgrade", "Upgrade", 21),
    ("verify", "Health and the application's suite", 17),
    ("rollback", "Roll back", 11),
    ("restore", "Restore the data", 8),
)


MINIFLUX_TAGS = (
    *(f"2.{minor}.{patch}" for minor in range(3) for patch in range(16) if (minor, patch) != (2, 8)),
    *(f"2.2.{patch}-alpine" for patch in (8, 12, 16)),
    "2.3.0-rc1",
    "latest",
    "nightly",
)
FILE = """\
apiVersion: tidegate.dev/v1
kind: Application
metadata: {{name: {name}}}
spec:
  description: {description}
  chart:
    oci: ghcr.io/tidegate/charts/{name}
    version:  # majors change the database: somebody reads the notes first
      rule: ">=1.0.0"
      minimumAge: 1h
      majors: ask
  images:
    - name: docker.io/{name}/{name}
  channels:
{channels}"""
MANIFESTS = """\
---
# Source: {name}/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata:
  name: {name}
  labels:
    app.kubernetes.io/version: "{version}"
stringData:
  DATABASE_URL: postgres://{name}:correct-horse-{version}@database/{name}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
data:
  settings.ini: |
    log_level = info
    admin_password = correct-horse{settings}
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
    helm.sh/chart: {name}-{version}
spec:
  ports: [{{port: 80, targetPort: http}}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: {name}
    helm.sh/chart: {name}-{version}
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: {name}
          image: docker.io/{name}/{name}:{version}
          ports: [{{name: http, containerPort: 8080}}]
          env:
            - name: ADMIN_TOKEN
              value: correct-horse-{version}
          resources:
            limits: {{memory: {memory}}}{more}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
"""
NEW_JOB = """\
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}-migrate
  annotations: {{helm.sh/hook: "pre-upgrade"}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: migrate, image: "docker.io/{name}/{name}:{version}", args: [migrate]}}]
"""
PROBE = """
          readinessProbe:
            httpGet: {path: /healthcheck, port: http}"""
NOTES = {
    "2.2.12": {"title": "Miniflux 2.2.12", "body": "* The login form has a hint for passkeys."},
    "2.2.16": {
        "title": "Miniflux 2.2.16",
        "body": "* Categories keep their order.\n* Feeds larger than 15 MB are refused with a reason.",
        "url": "https://miniflux.example/releases/2.2.16",
    },
}


def ago(**kwargs: float) -> datetime:
    return NOW - timedelta(**kwargs)


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Seed:
    """Adds rows; remembers the channels. What was published comes into the channels in the order of time, by ``publish``."""

    def __init__(self, session: Session, evidence: Path) -> None:
        self.session = session
        self.evidence = evidence
        self.published: list[tuple[datetime, Channel, Release, Promotion]] = []
        self.channels = {channel.name: channel for channel in session.query(Channel)}
        for name in ("edge", "beta", "stable"):
            if name not in self.channels:
                self.channels[name] = self.add(Channel(name=name, created_at=ago(days=60), generation=0))

    def add(self, row: Any) -> Any:
        self.session.add(row)
        self.session.flush()
        return row

    def application(
        self, name: str, description: str, *, channels: tuple[str, ...] = ("edge", "stable")
    ) -> Application:
        rules = "".join(
            f"    - name: {one}\n"
            + (f"      after: {channels[place - 1]}\n      soak: 1h\n      approvals: 1\n" if place else "")
            for place, one in enumerate(channels)
        )
        file = FILE.format(name=name, description=description, channels=rules)
        app = application_declare(
            self.session,
            declaration=parse_application_file(file),
            suite=None,
            file=file,
            actor="user:anna",
            now=ago(days=40),
        )
        for upstream in app.upstreams:
            if upstream.policy:
                source = upstream.source
                source.next_look_at, source.last_look_at = NOW + timedelta(seconds=38), ago(seconds=22)
                source.changed_at = ago(hours=5)
        return app

    def tags(self, app: Application, versions: Sequence[str], at: datetime) -> None:
        """What a poll lists at the chart's place, all first seen then; digests are those of ``release``."""
        upstream = self.session.query(Upstream).filter_by(application_id=app.id, role="chart").one()
        known = self.session.query(SourceTag).filter_by(source_id=upstream.source_id, gone_at=None)
        listed = {tag.name: Tag(name=tag.name, digest=tag.digest) for tag in known}
        listed |= {one: Tag(name=one, digest=sha(f"chart{app.name}{one}")) for one in versions}
        note_listing(self.session, upstream.source, list(listed.values()), NOTES, seen_by="poll", now=at)

    def release(self, app: Application, version: str, state: str, age: timedelta, reason: str = "") -> Release:
        manifest = self._manifest(app, version)
        release = self.add(
            Release(
                application_id=app.id,
                version=version,
                chart_digest=sha(f"chart{app.name}{version}"),
                parts={
                    "chart": {"tag": version, "version": version, "digest": sha(f"chart{app.name}{version}")},
                    app.name: {"tag": version, "version": version, "digest": sha(f"image{app.name}{version}")},
                },
                digest=manifest.release_digest,
                manifest=msgspec.to_builtins(manifest),
                suite_digest=sha("suite"),
                state=state,
                state_reason=reason,
                state_since=NOW - age,
                discovered_at=NOW - age - timedelta(minutes=4),
                discovered_by="poll",
                attempts=1,
            )
        )
        self._rendering(app, release)
        self.tags(app, [version], release.discovered_at)
        for upstream in self.session.query(Upstream).filter_by(application_id=app.id):
            upstream.newest, upstream.reason = version, "the newest that matches"
        app.choice = f"{version} is what its policies choose"
        self.event(
            "tidegate", "release.discovered", "release", release.id, f"{app.name} {version}", release.discovered_at
        )
        return release

    def _manifest(self, app: Application, version: str) -> ApplicationManifest:
        artifact = Artifact(ref=f"ghcr.io/tidegate/charts/{app.name}", digest=sha(f"chart{app.name}{version}"))
        images = {
            f"docker.io/{app.name}/{app.name}:{version}": sha(f"image{app.name}{version}"),
            "docker.io/library/postgres:15": sha("postgres"),
        }
        values = {"replicas": 1, "admin": {"password": f"correct-horse-{version}"}, "locale": f"en-{version[-1]}"}
        covered = {"name": app.name, "release": version, "namespace": app.name, "artifact": artifact, "images": images}
        digest = release_digest(**covered, values=values, backup=())
        return ApplicationManifest(**covered, values=values, release_digest=digest)

    def _rendering(self, app: Application, release: Release) -> None:
        """The second release of an application has more memory, a probe and a hook."""
        is_first = self.session.query(Release).filter_by(application_id=app.id).count() == 1
        said = {"name": app.name, "version": release.version}
        text = MANIFESTS.format(
            **said,
            settings="" if is_first else "\n    workers = 4",
            memory="256Mi" if is_first else "384Mi",
            more="" if is_first else PROBE,
        )
        manifests = text if is_first else text + NEW_JOB.format(**said)
        rendering_keep(self.session, release, rendered_objects(manifests), release.discovered_at)

    def run(
        self, release: Release, base: Release | None, verdict: str | None, *, reason: str = "", stop: int = 7
    ) -> Run:
        begun = release.state_since - timedelta(seconds=100) if verdict else ago(seconds=41)
        run = self.add(
            Run(
                release_id=release.id,
                base_release_id=base.id if base else None,
                verdict=verdict,
                reason=reason,
                started_at=begun,
                ended_at=release.state_since if verdict else None,
                worker="worker-1:4711",
                contract="restore-required" if verdict == "passed" else "unknown",
                kubernetes="1.36.3",
                evidence=[],
            )
        )
        self._steps(run, verdict, stop, reason)
        if verdict:
            run.evidence = self._evidence(run, verdict)
        if verdict == "passed" and base:
            self.add(
                Edge(from_release_id=base.id, to_release_id=release.id, contract="restore-required", run_id=run.id)
            )
        return run

    def _steps(self, run: Run, verdict: str | None, stop: int, reason: str) -> None:
        at = run.started_at
        for position, (name, title, seconds) in enumerate(STEPS[:stop]):
            last = position == stop - 1
            ended = at + timedelta(seconds=seconds)
            state = "passed" if not last or verdict == "passed" else verdict or "running"
            self.add(
                RunStep(
                    run_id=run.id,
                    position=position,
                    name=name,
                    title=title,
                    state=state,
                    message=reason if last and verdict != "passed" else "",
                    started_at=at,
                    ended_at=None if state == "running" else ended,
                )
            )
            at = ended

    def _evidence(self, run: Run, verdict: str) -> list[dict[str, Any]]:
        folder = self.evidence / f"run-{run.id}"
        folder.mkdir(parents=True, exist_ok=True)
        log = "\n".join(
            [f'2026-11-20T10:{line // 60:02}:{line % 60:02}Z level=INFO msg="step {line}"' for line in range(120)]
            + ([LOG_LINE] if verdict == "failed" else [])
        )
        texts = (
            ("pods/miniflux.log", "Log of miniflux", "text/plain", log),
            ("suite.xml", "Result of the suite", "application/xml", "<testsuite tests='14' failures='0'/>"),
            ("events.json", "Events of the cluster", "application/json", '{"items": []}'),
            ("request.json", "What was rehearsed", "application/json", '{"candidate": "…"}'),
        )
        files = []
        for path, title, media_type, text in texts:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
            size = len(text.encode())
            files.append(
                {"path": path, "title": title, "media_type": media_type, "size": size, "sha256": sha(text)[7:]}
            )
        return files

    def promotion(self, release: Release, channel: str, state: str, age: timedelta, **more: Any) -> Promotion:
        row = self.channels[channel]
        values = {
            "state_reason": "every guard holds",
            "approvals_needed": 0 if channel == "edge" else 1,
            "published_at": NOW - age if state in ("published", "superseded") else None,
            **more,
        }
        promotion = self.add(
            Promotion(
                application_id=release.application_id,
                release_id=release.id,
                channel_id=row.id,
                release_digest=release.digest,
                state=state,
                state_since=NOW - age,
                proposed_at=NOW - age - timedelta(minutes=1),
                **values,
            )
        )
        if state in ("published", "superseded"):
            self.published.append((NOW - age, row, release, promotion))
        return promotion

    def approval(self, release: Release, channel: str, at: datetime) -> None:
        promotion = (
            self.session.query(Promotion).filter_by(release_id=release.id, channel_id=self.channels[channel].id).one()
        )
        self.add(
            Approval(
                promotion_id=promotion.id,
                actor="user:anna",
                role="approver",
                release_digest=release.digest,
                comment="Release notes read, nothing special.",
                granted_at=at,
            )
        )

    def publish(self) -> None:
        """Write the generations of everything that was published, in the order of time."""
        for at, channel, release, promotion in sorted(self.published, key=lambda one: one[0]):
            self._publication(channel, release, promotion, at)
        self.published.clear()

    def _publication(self, channel: Channel, release: Release, promotion: Promotion, at: datetime) -> None:
        channel.generation += 1
        promotion.generation = channel.generation
        newest = (
            self.session.query(Publication)
            .filter_by(channel_id=channel.id)
            .order_by(Publication.generation.desc())
            .first()
        )
        others = [
            one
            for one in (newest.manifest["applications"] if newest else [])
            if one["name"] != release.manifest["name"]
        ]
        wanted = msgspec.convert([*others, release.manifest], tuple[ApplicationManifest, ...])
        manifest = make_manifest(channel=channel.name, generation=channel.generation, created=at, applications=wanted)
        self.add(
            Publication(
                channel_id=channel.id,
                generation=channel.generation,
                manifest=msgspec.to_builtins(manifest),
                manifest_sha256=sha256_hex(canonical_json(manifest)),
                published_at=at,
                published_by="tidegate",
                files_at=at,
            )
        )
        self.add(
            Rollout(
                channel_id=channel.id,
                generation=channel.generation,
                state="completed",
                state_since=at,
                started_at=at,
                files_at=at,
            )
        )
        self.event(
            "tidegate",
            "promotion.published",
            "promotion",
            promotion.id,
            f"{release.manifest['name']} {release.version} → {channel.name}",
            at,
            from_state="approved",
            to_state="published",
            reason="every guard holds",
        )

    def cluster(self, name: str, channel: str, **more: Any) -> Cluster:
        values: dict[str, Any] = {
            "created_at": ago(days=30),
            "created_by": "user:anna",
            "enrolled_at": ago(days=30),
            "enrolment": 1,
            "last_contact_at": ago(seconds=14),
            "generation": self.channels[channel].generation,
            "facts": {
                "kubernetes": "1.36",
                "architecture": "amd64",
                "storage_classes": ["standard"],
                "agent_version": "0.1.0",
            },
            **more,
        }
        cluster = self.add(Cluster(name=name, channel_id=self.channels[channel].id, **values))
        self.event("user:anna", "cluster.added", "cluster", cluster.id, name, values["created_at"])
        return cluster

    def installation(self, cluster: Cluster, app: str, running: str, outcome: str = "healthy", **more: Any) -> None:
        generation = more.pop("generation", cluster.generation)
        values = {"wanted": running, "since": ago(days=2), **more}
        self.add(
            Installation(
                cluster_id=cluster.id,
                application=app,
                running=running,
                outcome=outcome,
                generation=generation,
                **values,
            )
        )
        last = self.session.query(AgentReport).filter_by(cluster_id=cluster.id).count()
        for place, (word, message) in enumerate((("applying", ""), (outcome, values.get("message", "")))):
            self.add(
                AgentReport(
                    cluster_id=cluster.id,
                    enrolment=1,
                    sequence=last + place + 1,
                    received_at=values["since"] - timedelta(seconds=40 * (1 - place)),
                    at=values["since"] - timedelta(seconds=40 * (1 - place)),
                    generation=generation,
                    application=app,
                    release=values["wanted"],
                    outcome=word,
                    message=message,
                    body={},
                )
            )

    def event(self, actor: str, action: str, kind: str, row_id: int, subject: str, at: datetime, **more: Any) -> None:
        self.add(
            AuditEvent(
                at=at, actor=actor, action=action, subject_type=kind, subject_id=str(row_id), subject=subject, **more
            )
        )


ACCOUNTS: tuple[tuple[str, str, Kind, str], ...] = (
    ("ghcr.io", "ci-bot", "password", ""),
    ("ghcr.io/paperless-ngx", "paperless-deploy", "password", "paperless"),
    ("git.example.org:2222/platform", "", "ssh-key", ""),
    ("acme.azurecr.io", "", "identity", "gitea"),
)
SECRET = "a-secret-that-no-page-shows"


def seed_accounts(session: Session) -> None:
    """Store accounts: one is in use, one is refused, one was not used yet."""
    private = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    with keys_kept(get_settings().sealing_key_file) as keys:
        for place, username, kind, application in ACCOUNTS:
            given = {"secret": key if kind == "ssh-key" else SECRET, "replace": False, "keys": keys}
            account_add(
                session,
                scope=scope_of(place, application),
                kind=kind,
                username=username,
                actor="user:anna",
                now=ago(days=30),
                **given,  # type: ignore[arg-type]
            )
    for place, username, _, application in ACCOUNTS[:2]:
        use_of(session, "stored", scope_of(place, application), username).used_at = ago(
            minutes=2 if not application else 900
        )
    refused = use_of(session, "stored", scope_of("ghcr.io/paperless-ngx", "paperless"), "paperless-deploy")
    refused.refused_at, refused.refusal = ago(minutes=4), "HTTP 401"
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    shown = [server_key("git.example.org:2222", f"x {public}")]
    host_key_accept(session, keys=shown, replace=False, actor="user:anna", now=ago(days=30))


def seed_hosts(session: Session) -> None:
    """Hosts that answer, that ask us to wait, that fail, and one whose own limit is told; and a check of the first-seen logs."""
    minute = int(NOW.timestamp() // 60)
    kept = {
        "registry-1.docker.io": Manners(minutes={minute - 5: 214}, quota=Quota(100, 76, window=21_600.0)),
        "ghcr.io": Manners(minutes={minute: 61, minute - 1: 59}),
        "codeberg.org": Manners(paused_until=(NOW + timedelta(minutes=20)).timestamp(), why="it asks us to wait"),
        "charts.example.org": Manners(failures=2),
    }
    hosts.take(session, kept, NOW)
    hosts.keep(session, {name: msgspec.json.encode(one).decode() for name, one in kept.items()}, NOW)
    checked = {"asked_at": ago(minutes=12), "asked_by": "tidegate", "ended_at": ago(minutes=12)}
    session.add(LogCheck(**checked, sources=14, rows=1_482, rows_total=1_482, damages=[]))


def seed(session: Session, evidence: Path) -> dict[str, int]:
    """Fill an empty database; return the ids that tests look for."""
    s = Seed(session, evidence)
    miniflux = s.application("miniflux", "Minimalist feed reader")
    old = s.release(miniflux, "2.2.8", "verified", timedelta(days=21), "the rehearsal passed")
    s.run(old, None, "passed", reason="14 checks passed", stop=5)
    s.promotion(old, "edge", "superseded", timedelta(days=20, hours=23))
    s.promotion(old, "stable", "published", timedelta(days=20))
    new = s.release(miniflux, "2.2.16", "verified", timedelta(hours=5), "the rehearsal passed")
    s.run(new, old, "passed", reason="14 checks passed; the data came back after the restore")
    s.promotion(new, "edge", "published", timedelta(hours=4))
    waiting = s.promotion(new, "stable", "awaiting_approval", timedelta(hours=3), state_reason="needs 1 of 1 approvals")

    s.tags(miniflux, MINIFLUX_TAGS, ago(days=38))
    s.tags(miniflux, ["2.2.17", "3.0.0"], ago(minutes=20))
    quarantine_add(
        session,
        application="miniflux",
        pattern="2.2.14",
        reason="loses the order of categories, see the publisher's issue 3127",
        until=NOW + timedelta(days=12),
        actor="user:anna",
        now=ago(days=9),
    )

    seed_accounts(session)
    seed_hosts(session)
    gitea = s.application(
        "gitea", "Git hosting, issues and packages for the whole company", channels=("edge", "beta", "stable")
    )
    good = s.release(gitea, "1.24.6", "verified", timedelta(days=6), "the rehearsal passed")
    s.run(good, None, "passed", reason="31 checks passed", stop=5)
    for channel, days in (("edge", 6), ("beta", 5), ("stable", 2)):
        s.promotion(good, channel, "published", timedelta(days=days))
    bad = s.release(gitea, "1.25.0", "failed", timedelta(minutes=34), "upgrade: the database migration fails")
    failed = s.run(bad, good, "failed", reason=LOG_LINE, stop=4)

    vault = s.application("vaultwarden", "Passwords")
    base = s.release(vault, "1.34.1", "verified", timedelta(days=12), "the rehearsal passed")
    s.run(base, None, "passed", reason="9 checks passed", stop=5)
    s.promotion(base, "edge", "superseded", timedelta(days=12))
    s.promotion(base, "stable", "superseded", timedelta(days=11))
    quota = s.release(vault, "1.34.3", "verified", timedelta(days=1), "the rehearsal passed")
    s.run(quota, base, "passed", reason="9 checks passed")
    s.promotion(quota, "edge", "published", timedelta(hours=23))
    s.promotion(quota, "stable", "published", timedelta(minutes=50))
    paper = s.application("paperless", "Documents, scanned and searched")
    first = s.release(paper, "2.18.4", "verified", timedelta(days=9), "the rehearsal passed")
    s.run(first, None, "passed", reason="22 checks passed", stop=5)
    s.promotion(first, "edge", "published", timedelta(days=9))
    s.promotion(first, "stable", "published", timedelta(days=8))
    testing = s.release(
        paper, "2.19.0", "testing", timedelta(seconds=44), "worker-1 rehearses it as an upgrade from 2.18.4"
    )
    running = s.run(testing, first, None, stop=4)

    grafana = s.application("grafana", "Charts and alerts")
    g1 = s.release(grafana, "12.2.0", "verified", timedelta(hours=1), "the rehearsal passed")
    s.run(g1, None, "passed", reason="6 checks passed", stop=5)
    s.promotion(g1, "edge", "published", timedelta(minutes=55))
    s.promotion(
        g1,
        "stable",
        "proposed",
        timedelta(minutes=55),
        state_reason=f"soaks in edge until {NOW + timedelta(minutes=25):%Y-%m-%d %H:%M:%S} UTC",
        waits_until=NOW + timedelta(minutes=25),
    )

    keycloak = s.application("keycloak", "Sign-in for everything else")
    source = session.query(Upstream).filter_by(application_id=keycloak.id, role="chart").one().source
    source.unknown_since, source.last_error = ago(minutes=12), "quay.io answered 503 Service Unavailable"
    s.application("nextcloud", "Files, calendars, contacts")

    s.publish()
    rolling = session.query(Rollout).filter_by(channel_id=s.channels["stable"].id).order_by(Rollout.id.desc()).first()
    assert rolling is not None
    rolling.state, rolling.state_since = "halted", ago(minutes=43)
    rolling.state_reason = (
        "harbour-03 rolled back vaultwarden 1.34.3: exceeded quota: memory, requested 512Mi, limited to 1Gi"
    )

    running_now = {"miniflux": "2.2.8", "gitea": "1.24.6", "paperless": "2.18.4"}
    newest = s.channels["stable"].generation
    for number in range(1, 9):
        took_it = number <= 3
        labels = {"region": "eu" if number % 2 else "us", "tier": "gold" if number == 1 else "standard"}
        cluster = s.cluster(
            f"harbour-{number:02}", "stable", labels=labels, generation=newest if number < 3 else newest - 1
        )
        since = ago(minutes=49 - 2 * number) if took_it else ago(days=2)
        more = {"since": since, "generation": newest if took_it else newest - 1}
        for app, version in running_now.items():
            s.installation(cluster, app, version, **more)
        if number == 3:
            s.installation(
                cluster,
                "vaultwarden",
                "1.34.1",
                "rolled_back",
                wanted="1.34.3",
                code="quota_exceeded",
                message='pods "vaultwarden-6c4" is forbidden: exceeded quota: team, requested: memory=512Mi, used: 768Mi, limited: 1Gi',
                since=ago(minutes=43),
                generation=newest,
            )
        else:
            s.installation(cluster, "vaultwarden", "1.34.3" if took_it else "1.34.1", **more)
    s.installation(s.cluster("lighthouse", "edge"), "miniflux", "2.2.16")
    s.cluster("breakwater", "edge", last_contact_at=ago(hours=7))
    s.cluster(
        "new-quay", "stable", enrolled_at=None, last_contact_at=None, created_at=ago(minutes=6), facts={}, generation=0
    )
    s.event(
        "tidegate",
        "rollout.transition",
        "rollout",
        rolling.id,
        f"stable {rolling.generation}",
        ago(minutes=43),
        from_state="rolling",
        to_state="halted",
        reason=rolling.state_reason,
    )
    for release, at in ((base, ago(days=11, hours=1)), (quota, ago(minutes=52))):
        s.approval(release, "stable", at)
    return {
        "promotion": waiting.id,
        "rollout": rolling.id,
        "failed_run": failed.id,
        "running_run": running.id,
        "testing": testing.id,
    }


def grow(session: Session, evidence: Path, *, applications: int = 20, clusters: int = 50) -> None:
    """Add many: applications in three channels with four releases each, and clusters that run all of them."""
    s = Seed(session, evidence)
    names = [f"app-{number}" for number in range(applications)]
    for name in names:
        app = s.application(name, "one of many", channels=("edge", "beta", "stable"))
        for version in range(4):
            release = s.release(app, f"1.{version}.0", "verified", timedelta(days=9 - version))
            for channel, hours in (("edge", 20), ("beta", 12), ("stable", 4)):
                state = "published" if version == 3 else "superseded"
                s.promotion(release, channel, state, timedelta(days=9 - version, hours=-hours))
    s.publish()
    for number in range(clusters):
        cluster = s.cluster(f"far-{number:03}", "stable", labels={"region": "eu" if number % 2 else "us"})
        session.add_all(
            Installation(
                cluster_id=cluster.id,
                application=name,
                running=f"1.{3 - (number % 5 == 0)}.0",
                outcome="healthy",
                generation=cluster.generation,
                since=ago(minutes=number),
            )
            for name in names
        )


def main() -> None:
    """Fill the database of the settings."""
    with session_scope() as session:
        print(seed(session, get_settings().evidence_dir))


if __name__ == "__main__":
    main()
