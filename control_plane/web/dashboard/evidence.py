"""Evidence of a run: the timeline, the files, and the one line that says why it failed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_plane.domain.errors import NotFound
from control_plane.services.kept_evidence import evidence_folder
from control_plane.store.models import Run, RunStep

SHOWN_BYTES = 400_000
TEXT_TYPES = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml")


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as the release's page shows it; ``broken`` is the step that failed, ``files`` its evidence."""

    run: Run
    steps: Sequence[RunStep]
    broken: RunStep | None
    files: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """An evidence file: what the run says of it, and where it is."""

    entry: dict[str, Any]
    path: Path


def run_view(run: Run) -> RunView:
    """Arrange a run."""
    broken = next((step for step in run.steps if step.state in ("failed", "errored")), None)
    return RunView(run, run.steps, broken, list(run.evidence))


def find(root: Path, run: Run, file: str) -> Found:
    """Return the evidence file that the run lists under ``file``; only listed files are ever read."""
    entry = next((one for one in run.evidence if one.get("path") == file), None)
    if entry is None:
        raise NotFound(f"run {run.id} has no evidence file {file}", code="no_evidence")
    folder = evidence_folder(root, run.id).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        why = "evidence of releases that are not in use ends after a time (TIDEGATE_EVIDENCE_DAYS)"
        raise NotFound(f"{file} is not on this machine any more: it was in {folder.name}; {why}", code="no_evidence")
    return Found(entry, path)


def text_of(found: Found) -> list[str] | None:
    """Return the lines of a text file (its last ``SHOWN_BYTES``), None for any other kind."""
    if not str(found.entry.get("media_type", "")).startswith(TEXT_TYPES):
        return None
    with found.path.open("rb") as stream:
        stream.seek(max(0, found.path.stat().st_size - SHOWN_BYTES))
        text = stream.read().decode("utf-8", errors="replace")
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).splitlines()
