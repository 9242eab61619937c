"""``tidegate-agent run``, and what a person asks of it.

Exit codes: 0 stopped or done, 2 could not (settings, enrolment), 3 another agent acts.
"""

import argparse
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from cluster_agent import settings as settings_module
from cluster_agent.errors import AgentError, Unreachable
from cluster_agent.logs import log
from cluster_agent.settings import BadSettings, Settings

ENROL_RETRY_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return _do(settings_module.load(os.environ), chosen)
    except BadSettings as error:
        sys.stderr.write(f"tidegate-agent: {error}\n")
        return 2
    except AgentError as error:
        if chosen.command == "run":
            log("stopped", code=error.code, message=error.message)
        else:
            sys.stderr.write(f"tidegate-agent: {error.message}\n")
        return 3 if error.code == "second_agent" else 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tidegate-agent",
        description="Follows a signed channel and keeps applications of this cluster at what it says.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=settings_module.__doc__,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="run until stopped")
    for name, words in (("status", "print what the agent remembers"), ("backups", "print the backups that it keeps")):
        commands.add_parser(name, help=words).add_argument("-o", "--output", choices=("text", "json"), default="text")
    restore = commands.add_parser("restore", help="put a backup back, over the data that is there now")
    restore.add_argument("application")
    restore.add_argument("backup", help="as `tidegate-agent backups` names it")
    restore.add_argument(
        "--other-release", action="store_true", help="though another release runs than the backup is of"
    )
    return parser


def _do(settings: Settings, chosen: argparse.Namespace) -> int:
    if chosen.command == "run":
        return run(settings)
    from cluster_agent import commands

    if chosen.command == "restore":
        return commands.restore(settings, chosen.application, chosen.backup, other_release=chosen.other_release)
    asked = commands.status if chosen.command == "status" else commands.backups
    return asked(settings, as_json=chosen.output == "json")


def run(settings: Settings) -> int:
    """Take the lease, enrol, loop until told to stop (``SystemExit``). Raises ``AgentError`` where waiting would not help."""
    # Imported here, so that --help and mistakes in settings answer at once.
    from cluster_agent import metrics
    from cluster_agent.applying.kube import Access, connect
    from cluster_agent.lease import Lease

    signal.signal(signal.SIGTERM, _stop)
    numbers = metrics.Metrics(silent_limit=3600.0)
    if settings.listen:
        metrics.serve(numbers, settings.listen)
    kube = connect(Access(settings.kubeconfig, settings.context))
    lease = Lease(kube, settings.namespace, settings.name, holder=socket.gethostname())
    _until_reachable(lease.acquire)
    lease.keep()
    try:
        _build(settings, kube, numbers).run_for_ever()
    finally:
        lease.release()
    return 0


def _build(settings: Settings, kube: Any, numbers: Any) -> Any:
    import httpx2

    from cluster_agent import facts, identity, loop, reporting
    from cluster_agent.journal import stored
    from cluster_agent.trust import TrustedChannel

    http = httpx2.Client(verify=_certificates(settings), timeout=15.0, headers={"User-Agent": "tidegate-agent"})
    uid = facts.cluster_uid(kube, allowed=settings.cluster_facts)
    secret = stored(kube, settings, "Secret", "identity")
    me = _until_reachable(lambda: identity.load_or_enrol(secret, http, settings.url, settings.join_token, uid))
    log("enrolled", cluster=me.enrolment.cluster, channel=me.enrolment.channel)
    trust = stored(kube, settings, "Secret", "trust")
    return loop.Loop(
        _around(settings, kube, http),
        trusted=TrustedChannel(root=me.enrolment.root.encode(), store=trust, base_url=_files(settings), client=http),
        reporter=reporting.Reporter(http, settings.url, me, facts.reader(kube, allowed=settings.cluster_facts)),
        metrics=numbers,
        policy=_policy(settings, me.enrolment.cluster),
        channel=me.enrolment.channel,
        poll_seconds=settings.poll_seconds,
        report_seconds=settings.report_seconds,
    )


def _around(settings: Settings, kube: Any, http: Any) -> Any:
    from cluster_agent import loop
    from cluster_agent.applying.artifacts import ChartStore
    from cluster_agent.applying.helm import HelmCli
    from cluster_agent.applying.kube import Access
    from cluster_agent.applying.registry_login import Logins
    from cluster_agent.backup.snapshots import Snapshots
    from cluster_agent.journal import Journal, stored

    journal = Journal(stored(kube, settings, "ConfigMap", "journal"))
    _until_reachable(journal.load)
    folder, access = settings.data_dir, Access(settings.kubeconfig, settings.context)
    logins = Logins(settings.registry_credentials_file)
    charts = ChartStore(folder / "charts", http, settings.registry_mirrors, kept_at=_files(settings), logins=logins)
    helm = HelmCli(access, folder / "helm", binary=settings.helm)
    return loop.Around(kube, helm, charts, Snapshots(settings.backups_dir), journal)


def _files(settings: Settings) -> str:
    return f"{settings.url.rstrip('/')}/tuf"


def _policy(settings: Settings, cluster: str) -> Any:
    from cluster_agent.decisions import Policy

    return Policy(
        cluster=cluster,
        namespaces=frozenset(settings.namespaces),
        held=settings.hold,
        on_leave=settings.on_leave,
        on_leave_of={name: rules.on_leave for name, rules in settings.applications.items() if rules.on_leave},
    )


def _until_reachable(what: Any) -> Any:
    """Try until something answers: a control plane or API server that is away is no reason to crash."""
    while True:
        try:
            return what()
        except Unreachable as error:
            log("waiting", code=error.code, message=error.message)
            time.sleep(ENROL_RETRY_SECONDS)


def _certificates(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    return context


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
