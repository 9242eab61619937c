"""Every format ever published, as files. Each must decode to the very objects below and encode to the very same bytes.

A golden file is never edited once its format has been released: a change of format is a new file with a new number.
To make the file of a new format: ``GOLDEN_WRITE=1 pytest tests/contract`` (it refuses to touch one that exists).
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from cluster_agent.contract import (
    ApplicationManifest,
    Artifact,
    BackupStep,
    Edge,
    EnrolAnswer,
    EnrolRequest,
    Facts,
    Halt,
    JoinToken,
    Manifest,
    Report,
    ReportBatch,
    ReportReceipt,
    Restored,
    Rollout,
    Wave,
    canonical_json,
    decode_join_token,
    make_manifest,
    release_digest,
)
from cluster_agent.contract.manifest import read_manifest

HERE = Path(__file__).parent
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ARTIFACT = Artifact(ref="ghcr.io/tidegate/charts/miniflux", digest="sha256:" + "1" * 64)
IMAGES = {
    "docker.io/miniflux/miniflux:2.2.16": "sha256:" + "2" * 64,
    "docker.io/library/postgres:15": "sha256:" + "3" * 64,
}
VALUES = {"replicas": 1, "ingress": {"enabled": False, "hosts": ["é.example"]}, "ratio": 0.5, "nothing": None}
BACKUP = BackupStep(
    name="database",
    pod="app=postgres",
    dump=("pg_dump", "-Fc", "miniflux"),
    restore=("pg_restore", "--clean", "-d", "miniflux"),
    container="postgres",
    quiesce=("deployment/miniflux",),
)
APPLICATION = ApplicationManifest(
    name="miniflux",
    release="2.2.16",
    release_digest=release_digest(
        name="miniflux",
        release="2.2.16",
        namespace="miniflux",
        artifact=ARTIFACT,
        images=IMAGES,
        values=VALUES,
        backup=(BACKUP,),
    ),
    namespace="miniflux",
    artifact=ARTIFACT,
    images=IMAGES,
    values=VALUES,
    backup=(BACKUP,),
    edges=(Edge(from_release="2.2.8", contract="restore-required", evidence="sha256:" + "4" * 64),),
    timeout_seconds=120,
)
KEPT_APPLICATION = msgspec.structs.replace(
    APPLICATION, name="web", artifact=Artifact(ref="tidegate:web", digest="sha256:" + "7" * 64), edges=(), backup=()
)
TOKEN = JoinToken(id="t1", secret="s", cluster="berlin", channel="stable", root_sha256="5" * 64)

GOLDEN = {
    "manifest-1-empty": Manifest(channel="stable", generation=1, created=AT),
    "manifest-1-full": Manifest(channel="stable", generation=7, created=AT, applications=(APPLICATION,)),
    "manifest-2-requires": make_manifest(
        channel="stable", generation=8, created=AT, applications=(KEPT_APPLICATION, APPLICATION)
    ),
    "rollout-1-open": Rollout(
        channel="stable", generation=7, expires=AT, waves=(Wave(name="all", percent=100, opens_at=AT),)
    ),
    "rollout-1-halted": Rollout(
        channel="stable", generation=7, expires=AT, halted=Halt(reason="broken in berlin", since=AT)
    ),
    "reports-1-none": ReportBatch(facts=Facts()),
    "reports-1-full": ReportBatch(
        facts=Facts(kubernetes="1.36", architecture="amd64", storage_classes=("standard",), agent_version="0.1.0"),
        reports=(
            Report(sequence=1, at=AT, channel="stable", generation=7, outcome="observed"),
            Report(
                sequence=2,
                at=AT,
                channel="stable",
                generation=7,
                outcome="rolled_back",
                application="miniflux",
                release="2.2.16",
                release_digest=APPLICATION.release_digest,
                running="2.2.8",
                code="quota_exceeded",
                message="exceeded quota: pods=0",
                attempt=2,
                timings={"apply": 12.5, "roll_back": 3.0},
            ),
        ),
    ),
    "reports-1-left": ReportBatch(
        facts=Facts(kubernetes="1.36", agent_version="0.1.0", capabilities=("kept-charts",)),
        reports=tuple(
            Report(
                sequence=sequence,
                at=AT,
                channel="stable",
                generation=9,
                outcome=outcome,
                application="miniflux",
                release="2.2.16",
                release_digest=APPLICATION.release_digest,
                running="2.2.16" if outcome == "left" else None,
                code=outcome,
                message="its claims and secrets stay",
            )
            for sequence, outcome in enumerate(("left", "uninstalled"), 3)
        ),
    ),
    "reports-1-restored": ReportBatch(
        facts=Facts(),
        reports=(
            Report(
                sequence=5,
                at=AT,
                channel="stable",
                generation=7,
                outcome="rolled_back",
                application="miniflux",
                restored=Restored(lost_from=AT - timedelta(minutes=3), lost_until=AT),
            ),
        ),
    ),
    "report-receipt-1": ReportReceipt(accepted_sequence=2),
    "enrol-request-1": EnrolRequest(
        token_id="t1", token_secret="s", cluster="berlin", cluster_uid="6", public_key="a2V5"
    ),
    "enrol-answer-1": EnrolAnswer(cluster="berlin", channel="stable", root="{}"),
    "join-token-1": TOKEN,
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_file_decodes_to_the_object_and_encodes_to_the_same_bytes(name):
    path, value = HERE / f"{name}.json", GOLDEN[name]
    if os.environ.get("GOLDEN_WRITE") and not path.exists():
        path.write_bytes(canonical_json(value))
    data = path.read_bytes()
    assert msgspec.json.decode(data, type=type(value)) == value
    assert canonical_json(value) == data
    assert canonical_json(msgspec.json.decode(data, type=type(value))) == data


def test_every_golden_file_is_tested():
    assert {path.stem for path in HERE.glob("*.json")} == set(GOLDEN)


@pytest.mark.parametrize(
    "name", [name for name in sorted(GOLDEN) if name.startswith(("manifest", "rollout", "reports"))]
)
def test_published_documents_name_their_format_in_their_bytes(name):
    assert msgspec.json.decode((HERE / f"{name}.json").read_bytes())["format"] == int(name.split("-")[1])


def test_what_every_agent_can_take_stays_in_the_first_format():
    made = make_manifest(channel="stable", generation=7, created=AT, applications=(APPLICATION,))
    assert canonical_json(made) == (HERE / "manifest-1-full.json").read_bytes()


@pytest.mark.parametrize("name", ["manifest-1-empty", "manifest-1-full", "manifest-2-requires"])
def test_this_agent_takes_all_of_every_format(name):
    assert read_manifest((HERE / f"{name}.json").read_bytes()) == (GOLDEN[name], ())


@pytest.mark.parametrize(
    ("change", "needs"),
    [
        ({"requires": ["kept-charts", "time-travel"], "kind": "kustomize", "artifact": {}}, ("time-travel",)),
        ({"artifact": {"ref": "ipfs://bafy", "digest": "sha256:1"}}, ("artifacts of ipfs",)),
        ({"artifact": {"ref": "vault:web", "digest": "sha256:1"}}, ("artifacts of vault",)),
        ({"artifact": {"ref": "localhost:5000/charts/web", "digest": "sha256:1"}}, None),
        ({"artifact": {"ref": "oci://ghcr.io/charts/web", "digest": "sha256:1"}}, None),
    ],
)
def test_an_application_of_tomorrow_is_told_apart_and_the_others_are_read(change, needs):
    raw = msgspec.json.decode((HERE / "manifest-2-requires.json").read_bytes())
    raw["applications"][0] |= change
    manifest, too_new = read_manifest(msgspec.json.encode(raw))
    assert [one.needs for one in too_new] == ([needs] if needs else [])
    assert [one.name for one in manifest.applications] == (["miniflux"] if needs else ["web", "miniflux"])


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_reader_of_today_ignores_fields_of_tomorrow(name):
    raw = msgspec.json.decode((HERE / f"{name}.json").read_bytes()) | {"added_later": [1]}
    assert msgspec.json.decode(msgspec.json.encode(raw), type=type(GOLDEN[name])) == GOLDEN[name]


def test_the_release_digest_is_the_published_one():
    assert APPLICATION.release_digest == "sha256:5c616c6a91ccaf19410185be50db8d5eee10f808d50d84c530a03d3a993d49ef"


def test_the_join_token_is_the_published_one():
    text = (HERE / "join-token-1.txt").read_text().strip()
    assert TOKEN.encode() == text
    assert decode_join_token(text) == TOKEN
