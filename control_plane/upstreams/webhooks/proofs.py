"""How a call proves that it knows a secret. Every comparison takes the same time whatever is wrong. PURE."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable

from control_plane.upstreams.webhooks.vendor import Call, Proof

WINDOW_SECONDS = 300
MAX_SIGNATURES = 10
KEY_PREFIX = "whsec_"
_SECONDS = re.compile(r"[0-9]{1,11}")


def is_known(secrets: Iterable[str], proof: Proof, call: Call) -> bool:
    """Say whether ``call`` knows any of ``secrets``; all are tried. An empty secret matches nothing."""
    return sum(proof(secret, call) for secret in secrets if secret) > 0


def header(name: str, prefix: str = "") -> Proof:
    """The secret itself is in the header ``name``, behind ``prefix``."""
    return lambda secret, call: _same(call.header(name), prefix + secret)


def signature(name: str, prefix: str = "") -> Proof:
    """The HMAC-SHA256 of the body, in hexadecimal, is in the header ``name``, behind ``prefix``."""
    return lambda secret, call: _same(call.header(name), prefix + _hmac(secret, call.body))


def timed_signature(name: str, prefix: str = "") -> Proof:
    """As ``signature``; where a timestamp is told, it is covered too: ``<timestamp>.<body>``, at most five minutes from now."""
    return lambda secret, call: _same(call.header(name), prefix + _hmac(secret, signed(call))) and is_fresh(call)


def standard(secret: str, call: Call) -> bool:
    """As Standard Webhooks have it (GitLab's signing tokens): ``v1,`` and base64 of the HMAC-SHA256 of ``<id>.<timestamp>.<body>``.

    The key is what follows ``whsec_`` in the secret, decoded. Several signatures may be told, one of which has to be right.
    """
    stamp, told = call.header("webhook-timestamp"), call.header("webhook-signature").split(" ")[:MAX_SIGNATURES]
    message = f"{call.header('webhook-id')}.{stamp}.".encode("utf-8", "surrogatepass") + call.body
    wanted = "v1," + base64.b64encode(hmac.digest(_key(secret), message, "sha256")).decode()
    return sum(_same(one, wanted) for one in told) > 0 and _is_near(stamp, call.now)


def in_url(secret: str, call: Call) -> bool:
    """The secret is the last part of the URL."""
    return _same(call.url_secret, secret)


def any_of(*proofs: Proof) -> Proof:
    """Any one of ``proofs`` is enough; all are tried."""
    return lambda secret, call: sum(proof(secret, call) for proof in proofs) > 0


def signed(call: Call) -> bytes:
    """Return what the generic signature covers."""
    stamp = call.header("x-tidegate-timestamp")
    return f"{stamp}.".encode("utf-8", "surrogatepass") + call.body if stamp else call.body


def is_fresh(call: Call) -> bool:
    """Say whether the told timestamp, if any, is at most five minutes from now."""
    stamp = call.header("x-tidegate-timestamp")
    return not stamp or _is_near(stamp, call.now)


def _is_near(stamp: str, now: float) -> bool:
    return _SECONDS.fullmatch(stamp) is not None and abs(int(stamp) - now) <= WINDOW_SECONDS


def _key(secret: str) -> bytes:
    """Return the key of a secret that names its bytes in base64; of any other, the text itself."""
    try:
        return (
            base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
            if secret.startswith(KEY_PREFIX)
            else secret.encode()
        )
    except binascii.Error:
        return secret.encode()


def _hmac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


BEARER = header("authorization", "Bearer ")
TOKEN = any_of(BEARER, header("x-tidegate-token"))
GENERIC = any_of(timed_signature("x-tidegate-signature", "sha256="), timed_signature("x-hub-signature-256", "sha256="))
ANY_HEADER = any_of(TOKEN, GENERIC)
