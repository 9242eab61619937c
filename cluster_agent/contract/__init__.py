"""The wire format between control plane and agent: versioned, typed, no I/O.

Both sides import these types and no others of the other side.
"""

from cluster_agent.contract.canonical import canonical_json, digest_of, sha256_hex
from cluster_agent.contract.enrolment import EnrolAnswer, EnrolRequest, JoinToken, decode_join_token
from cluster_agent.contract.manifest import (
    ApplicationManifest,
    Artifact,
    BackupStep,
    Edge,
    Manifest,
    RollbackContract,
    make_manifest,
    release_digest,
)
from cluster_agent.contract.report import Facts, Outcome, Report, ReportBatch, ReportReceipt, Restored
from cluster_agent.contract.rollout import Halt, Rollout, Wave

__all__ = [
    "ApplicationManifest",
    "Artifact",
    "BackupStep",
    "Edge",
    "EnrolAnswer",
    "EnrolRequest",
    "Facts",
    "Halt",
    "JoinToken",
    "Manifest",
    "Outcome",
    "Report",
    "ReportBatch",
    "ReportReceipt",
    "Restored",
    "RollbackContract",
    "Rollout",
    "Wave",
    "canonical_json",
    "decode_join_token",
    "digest_of",
    "make_manifest",
    "release_digest",
    "sha256_hex",
]
