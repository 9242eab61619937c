"""The web server: granian inside this process, on one or more addresses."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server

from control_plane.domain.errors import Refused

BACKLOG = 1024
NEXT_STEPS = {
    errno.EADDRINUSE: "Choose another port with --port or TIDEGATE_PORT, or end the program that has it.",
    errno.EADDRNOTAVAIL: "Choose an address of this machine with --host; `ip address` lists them.",
    errno.EACCES: "Ports below 1024 are for root: choose another with --port or TIDEGATE_PORT.",
}


def check_free(addresses: Iterable[str], port: int) -> None:
    """Raise ``Refused`` with the next step unless we can listen on ``port`` of every address."""
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                step = NEXT_STEPS.get(error.errno or 0, "Choose another port with --port or TIDEGATE_PORT.")
                raise Refused(
                    f"cannot listen on {address}:{port}: {error.strerror}. {step}", code="port_taken"
                ) from error


async def serve(
    app: Any, addresses: Iterable[str], port: int, *, on_started: Callable[[], None] = lambda: None
) -> None:
    """Serve the ASGI ``app`` on every address until SIGINT or SIGTERM. Raises ``Refused`` where an address is taken.

    Granian shares its port with whoever asks (SO_REUSEPORT), so nobody but us sees that another server has it.
    """
    addresses = list(addresses)
    check_free(addresses, port)
    servers = [
        Server(
            app,
            address=address,
            port=port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            backlog=BACKLOG,
            websockets=False,
        )
        for address in addresses
    ]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    serving = [asyncio.create_task(server.serve()) for server in servers]
    on_started()
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *serving], return_when=asyncio.FIRST_COMPLETED)
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # granian leaves it untyped
    await asyncio.gather(*serving, return_exceptions=True)
    waiting.cancel()
