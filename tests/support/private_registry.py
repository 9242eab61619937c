"""Debian's docker-registry behind a password, over HTTP on this machine or over HTTPS with a certificate of an authority of ours."""

import datetime as dt
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cluster_agent.contract import sha256_hex

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
USER, PASSWORD = "robot", "tide-and-password-9"
HTPASSWD = f"{USER}:$2b$05$..s0uI/wF1TXAgjQtPLep.xwbTP3sSx7Y4cFUC1IifJhH6Kp71zNy\n"  # bcrypt of PASSWORD


@dataclass(frozen=True)
class PrivateRegistry:
    """``host`` is how its images are named; ``authority`` the file of who signed its certificate, None over HTTP."""

    host: str
    authority: Path | None


def program() -> str:
    """Return Debian's docker-registry."""
    found = shutil.which("docker-registry", path="/usr/bin:/usr/local/bin")
    assert found, "docker-registry is missing: `make test` installs it"
    return found


def push(registry: PrivateRegistry, name: str, tag: str, config: tuple[str, bytes], layer: tuple[str, bytes]) -> str:
    """Push a manifest of a config and one layer, each with its media type, over HTTP; return its digest."""
    with httpx2.Client(auth=(USER, PASSWORD), base_url=f"http://{registry.host}/v2/{name}/") as http:
        described = [_push_blob(http, media_type, content) for media_type, content in (config, layer)]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
        answer = http.put(f"manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": MANIFEST})
        return answer.raise_for_status().headers["docker-content-digest"]


def _push_blob(http: httpx2.Client, media_type: str, content: bytes) -> dict[str, object]:
    digest = f"sha256:{sha256_hex(content)}"
    begun = http.post("blobs/uploads/").raise_for_status()
    http.put(
        httpx2.URL(begun.headers["location"]).copy_merge_params({"digest": digest}), content=content
    ).raise_for_status()
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


@contextmanager
def serving(blobs: Path, folder: Path, *, address: str = "127.0.0.1", tls: bool = False) -> Iterator[PrivateRegistry]:
    """Serve what lies in ``blobs`` (a registry's data) to whoever has the password; ``folder`` is for its own files."""
    port = _free_port(address)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htpasswd").write_text(HTPASSWD)
    http: dict[str, object] = {"addr": f"{address}:{port}", "secret": "x"}
    if tls:
        _make_certificate(folder, address)
        http["tls"] = {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")}
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(blobs)}},
        "auth": {"htpasswd": {"realm": "private", "path": str(folder / "htpasswd")}},
        "http": http,
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    authority = folder / "authority.crt" if tls else None
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program(), "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            _wait(f"{'https' if tls else 'http'}://{address}:{port}/v2/", authority, process, folder)
            yield PrivateRegistry(f"{address}:{port}", authority)
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str, authority: Path | None, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2, context=context)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return
            raise
        except OSError:
            time.sleep(0.05)
    raise AssertionError((folder / "registry.log").read_text())


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _make_certificate(folder: Path, address: str) -> None:
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    signed = _certificate(
        "Tidegate's test authority", "Tidegate's test authority", authority, authority, authority=True
    )
    leaf = _certificate(address, "Tidegate's test authority", server, authority, address=address)
    (folder / "authority.crt").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / "server.crt").write_bytes(leaf.public_bytes(Encoding.PEM))
    private = server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(private)


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
    address: str = "",
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if address:
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = made.add_extension(named, critical=False)
    return made.sign(signer, hashes.SHA256())
