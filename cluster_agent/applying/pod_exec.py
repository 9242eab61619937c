"""Talking to a command in a container over a websocket (``v5.channel.k8s.io``): bytes in, bytes out, then its exit code.

Memory stays flat whatever the size. Input and output take turns on one thread (a TLS connection is not safe for two),
and a command that ends before it has read its input has not done its work, whatever its exit code says.
"""

import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from websocket import ABNF, WebSocket

STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
STDIN_CHUNK = 32 * 1024
STDERR_KEPT = 4096


class Conversation:
    """One command. Raises ``TimeoutError`` at ``deadline`` (monotonic) and ``ConnectionError`` when the connection breaks."""

    def __init__(self, socket: WebSocket, stdout: Callable[[bytes], object], deadline: float) -> None:
        self._socket = socket
        self._stdout = stdout
        self._deadline = deadline
        self._complaints = b""
        self._code: int | None = None

    def run(self, stdin: Iterator[bytes] | None) -> tuple[int, str]:
        """Send all of ``stdin``, then read to the end. Returns the exit code and the end of what it wrote to stderr."""
        if stdin is not None:
            self._send(stdin)
        while self._code is None:
            self._read_frame()
        return self._code, self._complaints.decode(errors="replace").strip()

    def _send(self, stdin: Iterator[bytes]) -> None:
        # Only version 5 of the protocol can close the input; a command that reads to the end would wait for ever without it.
        if "v5" not in str(self._socket.subprotocol or self._socket.getheaders()):
            raise ConnectionError(
                "the API server is too old to end a command's input (Kubernetes 1.30 or newer is needed)"
            )
        for block in stdin:
            for start in range(0, len(block), STDIN_CHUNK):
                while self._code is None and self._answer_waits():
                    self._read_frame()
                if self._code is not None:
                    self._ended_early(self._code)
                    return
                chunk = bytes([STDIN]) + block[start : start + STDIN_CHUNK]
                self._socket.send(chunk, opcode=ABNF.OPCODE_BINARY)
        self._socket.send(bytes([CLOSE, STDIN]), opcode=ABNF.OPCODE_BINARY)

    def _ended_early(self, code: int) -> None:
        if code == 0:
            self._code = -1
            self._complaints += b" (the command ended before it had read all of its input)"

    def _answer_waits(self) -> bool:
        connection: Any = self._socket.sock
        decrypted = getattr(connection, "pending", None)
        return bool(decrypted and decrypted()) or bool(select.select([connection], [], [], 0)[0])

    def _read_frame(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the command did not end in time")
        self._socket.settimeout(left)
        _, frame = self._socket.recv_data_frame(control_frame=True)
        if frame.opcode == ABNF.OPCODE_CLOSE:
            raise ConnectionError("the connection closed before the command ended")
        if frame.opcode not in {ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT} or len(frame.data) < 2:
            return
        channel, data = frame.data[0], bytes(frame.data[1:])
        if channel == STDOUT:
            self._stdout(data)
        elif channel == STDERR:
            self._complaints = (self._complaints + data)[-STDERR_KEPT:]
        elif channel == STATUS:
            self._code = _exit_code(data)


def _exit_code(status: bytes) -> int:
    answer = msgspec.json.decode(status)
    if answer.get("status") == "Success":
        return 0
    for cause in (answer.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ConnectionError(str(answer.get("message", "the command could not be started")))
