"""Nudges: "this row has work waiting", sent after the commit. The database is the truth; a lost nudge costs time, never work.

A service says ``nudge(session, "release_resolve", release.id)``; when the transaction is committed the process's sender
gets it. A process without a sender (a command, a page without a broker) drops it: the sweeper finds the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog
from sqlalchemy.orm import Session

Work = Literal[
    "source_look",
    "logs_check",
    "application_choose",
    "release_resolve",
    "release_rehearse",
    "release_retry",
    "chart_restore",
    "run_expire",
    "promotion_advance",
    "promotion_publish",
    "channel_write_files",
]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Nudge:
    """``work`` waits for the row ``row_id``."""

    work: Work
    row_id: int


Sender = Callable[[Nudge], None]
_senders: list[Sender] = []
_KEY = "tidegate_nudges"


def nudge(session: Session, work: Work, row_id: int) -> None:
    """Remember to send a nudge once this session's transaction is committed."""
    pending: dict[Nudge, None] = session.info.setdefault(_KEY, {})
    pending[Nudge(work, row_id)] = None


def set_sender(sender: Sender | None) -> None:
    """Let ``sender`` send every nudge of this process; None drops them."""
    _senders[:] = [sender] if sender else []


def deliver(session: Session) -> None:
    """Send what the committed session has collected. A broker that is down is logged and forgiven."""
    pending: dict[Nudge, None] = session.info.pop(_KEY, {})
    for entry in pending:
        for sender in _senders:
            try:
                sender(entry)
            except Exception as error:
                log.warning(
                    "nudge lost, the sweeper will find the work", work=entry.work, id=entry.row_id, error=str(error)
                )
                return
