"""The agent, killed with SIGKILL right after its N-th journal write: ``python killed_agent.py N``. N 0: not at all."""

import os
import signal
import sys

from cluster_agent import journal
from cluster_agent.__main__ import main

left = int(sys.argv[1])
save = journal.StoredObject.save


def save_then_die(self, files):
    global left
    save(self, files)
    if journal.STATE_KEY in files:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


journal.StoredObject.save = save_then_die
sys.exit(main(["run"]))
