"""``python -m test_harness.warm SIZE``: keeps so many clusters waiting for rehearsals, until it or its parent ends.

What waits belongs to this process: when it is killed, the next start removes it as a leftover.
"""

import signal
import sys
import threading

import structlog

from test_harness.clusters import ClusterError
from test_harness.clusters.kind import KindProvider
from test_harness.clusters.leftovers import remove_leftovers
from test_harness.clusters.pool import Pool
from test_harness.lifeline import end_with_parent
from test_harness.offline.errors import ProvisioningError

LOOK_SECONDS = 1.0
RETRY_SECONDS = 60.0
log = structlog.get_logger(__name__)


def main() -> int:
    """Keep the pool filled; on SIGTERM delete what waits."""
    end_with_parent()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: ended.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        provider = KindProvider()
        remove_leftovers(provider.ready)
    except (ClusterError, ProvisioningError) as error:
        log.warning("no clusters are made ahead", reason=str(error))
        return 1
    pool = Pool(provider=provider, size=int(sys.argv[1]))
    while not ended.wait(_fill(pool)):
        pass
    pool.drain()
    return 0


def _fill(pool: Pool) -> float:
    """Fill the pool; return how many seconds to wait before the next look."""
    try:
        pool.fill()
    except (ClusterError, ProvisioningError) as error:
        log.warning("a cluster could not be made ahead", reason=str(error))
        return RETRY_SECONDS
    return LOOK_SECONDS


if __name__ == "__main__":
    sys.exit(main())
