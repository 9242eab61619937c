"""What a release is made of: its chart, fetched by digest, and its images, asked for at their registry.

Asked before a cluster is made, and again when a node could not pull: only the registry itself can tell an image that
does not exist (404: the release is bad) from one that cannot be had now (the registry is down: we could not tell).
"""

from pathlib import Path

import httpx2

from cluster_agent.applying.artifacts import MANIFEST_TYPES, NO_LOGINS, ChartStore, registry_url
from cluster_agent.applying.registry_login import Logins, authorization
from cluster_agent.contract import ApplicationManifest
from cluster_agent.contract.manifest import KEPT
from cluster_agent.errors import Unreachable, Untrusted
from test_harness.errors import CouldNotTell, ReleaseFailed
from test_harness.runner import Registries

INDEX_TYPES = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
HTTP_SECONDS = 20.0


class Artifacts:
    """Charts and images as the harness's process reads them, with ``logins``; fetched charts are kept in ``folder``."""

    def __init__(self, folder: Path, registries: Registries, logins: Logins = NO_LOGINS) -> None:
        self._http = httpx2.Client(timeout=HTTP_SECONDS, follow_redirects=True)
        self._mirrors, self._logins = registries.from_host, logins
        kept_at = registries.artifacts
        self._charts = ChartStore(folder, self._http, registries.from_host, kept_at=kept_at, logins=logins)

    def chart(self, application: ApplicationManifest) -> Path:
        """Return the chart's local file. Raises ReleaseFailed when there is none under that digest, CouldNotTell when unknown."""
        try:
            return self._charts.chart(application.artifact)
        except (Unreachable, Untrusted) as error:
            # What the control plane keeps was whole when it was kept: lost or damaged since, it says nothing about the release.
            ours = application.artifact.ref.startswith(KEPT) and error.code != "artifact_too_large"
            if isinstance(error, Untrusted) and not ours:
                raise ReleaseFailed(error.message) from error
            if error.code == "artifact_missing" and not ours:
                raise ReleaseFailed(f"the chart does not exist: {error.message}") from error
            raise CouldNotTell(error.message) from error

    def check_images(self, application: ApplicationManifest) -> None:
        """Return when the registries have every image. Raises ReleaseFailed for one that does not exist, CouldNotTell when unknown."""
        for image, digest in application.images.items():
            status = self._status(image, digest)
            if status == 404:
                raise ReleaseFailed(f"the image {image}@{digest[:19]}… does not exist: its registry answers 404")
            if status != 200:
                raise CouldNotTell(f"the registry of {image} answers HTTP {status}")

    def _status(self, image: str, digest: str) -> int:
        base, query = registry_url(repository_of(image), self._mirrors)
        url = f"{base}/manifests/{digest}"
        headers = {"Accept": f"{INDEX_TYPES}, {MANIFEST_TYPES}"}
        try:
            answer = self._http.head(url, params=query, headers=headers)
            if answer.status_code == 401:
                asked = httpx2.URL(url)
                headers["Authorization"] = authorization(self._http, answer, asked, image, self._logins)
                answer = self._http.head(url, params=query, headers=headers)
        except Unreachable as error:
            raise CouldNotTell(error.message) from error
        except httpx2.HTTPError as error:
            words = str(error) or type(error).__name__
            raise CouldNotTell(f"the registry of {image} cannot be reached: {words}") from error
        return answer.status_code


def repository_of(image: str) -> str:
    """Return an image reference without its tag and digest: ``docker.io/a/b:1`` is ``docker.io/a/b``."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
