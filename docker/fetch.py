"""Fetches Helm or kubectl from its project's site while an image is built: pinned version, checked against the published SHA-256."""

import hashlib
import io
import platform
import sys
import tarfile
import urllib.request
from pathlib import Path

HELM, KUBECTL = "v4.2.4", "v1.36.3"
TARGET = Path("/opt/tidegate/bin")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


def fetch(url: str) -> bytes:
    """Return the content; the SHA-256 that lies beside it must fit."""
    data = urllib.request.urlopen(url, timeout=120).read()
    published = urllib.request.urlopen(f"{url}{'.sha256sum' if 'helm' in url else '.sha256'}", timeout=60).read()
    if hashlib.sha256(data).hexdigest() != published.split()[0].decode():
        raise SystemExit(f"{url}: the SHA-256 does not fit what is published beside it")
    return data


def main(program: str) -> None:
    """Put the program into TARGET."""
    if program == "kubectl":
        data = fetch(f"https://dl.k8s.io/release/{KUBECTL}/bin/linux/{ARCHITECTURE}/kubectl")
    else:
        archive = fetch(f"https://get.helm.sh/helm-{HELM}-linux-{ARCHITECTURE}.tar.gz")
        member = tarfile.open(fileobj=io.BytesIO(archive)).extractfile(f"linux-{ARCHITECTURE}/helm")
        data = member.read() if member else b""
    (TARGET / program).write_bytes(data)


if __name__ == "__main__":
    main(sys.argv[1])
