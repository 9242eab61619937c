"""What the doctor asks for the control plane: a folder for its data, and a free port."""

from __future__ import annotations

import os
import shutil
import socket
import urllib.request
from contextlib import closing
from http.client import HTTPException
from typing import TYPE_CHECKING

from test_harness.check import Check
from test_harness.offline.progress import format_size

if TYPE_CHECKING:
    from pathlib import Path

DATA, PORT = "data folder", "port"
_DATA_BYTES = 1_000_000_000
_PAGE_BYTES = 65536
_OTHER_PORT = "tidegate up --port 8081, or export TIDEGATE_PORT=8081"


def data_folder(folder: Path) -> Check:
    """Whether the control plane can keep its data there; the folder itself may not be there yet."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        mend = f"sudo install -d -o {os.geteuid()} {folder}, or export TIDEGATE_DATA_DIR=…"
        return Check(DATA, False, f"{folder} cannot be written to: {there} is no folder of this user's", mend)
    free = shutil.disk_usage(there).free
    detail = f"{format_size(free)} free under {folder}"
    if free < _DATA_BYTES:
        return Check(DATA, False, f"{detail}; {format_size(_DATA_BYTES)} are wanted", f"df -h {there}")
    return Check(DATA, True, detail)


def free_port(host: str, port: int) -> Check:
    """Whether the web server can listen there, or does so already."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with closing(socket.socket(family, kind)) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(address)
    except OSError as error:
        if _is_tidegate(host, port):
            return Check(PORT, True, f"Tidegate answers at {host}, port {port}")
        return Check(PORT, False, f"nothing can listen at {host}, port {port}: {error.strerror or error}", _OTHER_PORT)
    return Check(PORT, True, f"{host}, port {port} is free")


def _is_tidegate(host: str, port: int) -> bool:
    name = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{name}:{port}/", timeout=2) as answer:
            return b"Tidegate" in answer.read(_PAGE_BYTES)
    except (OSError, HTTPException):
        return False
