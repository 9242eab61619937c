"""Use case of the evidence that rehearsals leave: what is too old goes, where it grows: in the process that rehearses.

The database keeps verdicts, steps and digests for good; only the folders end. A removal that was cut off is done again.
"""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from control_plane.domain.kept_evidence import expired
from control_plane.store.kept import run_traces
from control_plane.store.session import SessionScope, session_scope

log = structlog.get_logger(__name__)
_FOLDER = re.compile(r"run-(\d{1,18})")


def evidence_folder(root: Path, run_id: int) -> Path:
    """Return where the evidence of a run lies."""
    return root / f"run-{run_id}"


def evidence_prune(
    *, root: Path, keep: timedelta, clock: Callable[[], datetime], scope: SessionScope = session_scope
) -> list[int]:
    """Remove the folders of runs that ended longer than ``keep`` ago and whose release is not in use. Return the runs.

    A folder that cannot be removed is logged, and tried again the next time.
    """
    now = clock()
    old = {run: changed for run, changed in _folders(root).items() if changed < now - keep}
    if not old:
        return []
    with scope() as session:
        traces = run_traces(session, list(old))
    gone = [run for run in expired(old, traces, keep=keep, now=now) if _removed(evidence_folder(root, run))]
    if gone:
        log.info("evidence of old runs is removed", runs=gone, days=keep.days)
    return gone


def _folders(root: Path) -> dict[int, datetime]:
    """Return the runs that have a folder here, with when it changed last. Files and folders of other names are nobody's."""
    if not root.is_dir():
        return {}
    named = ((_FOLDER.fullmatch(path.name), path) for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    return {int(name[1]): datetime.fromtimestamp(path.stat().st_mtime, UTC) for name, path in named if name}


def _removed(folder: Path) -> bool:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("old evidence cannot be removed", folder=str(folder), error=str(error))
        return False
    return True
