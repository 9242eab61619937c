"""Git repositories as sources: tags, or a branch's newest commit; a folder of either as a packed chart.

A look is one ``ls-remote`` limited to what is followed. A chart's digest is that of the packed folder, made from a shallow fetch: whoever
moves a tag without changing the folder changes nothing. A folder that is no chart has its commit's: a release of it fails, and says why.
"""

import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec
from dulwich.objects import Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from cluster_agent.contract import canonical_json, sha256_hex
from control_plane.domain.errors import NotFound, Transient, Untrusted
from control_plane.domain.sources import Listing, Notes, SourceSpec
from control_plane.domain.versions.policy import Tag
from control_plane.upstreams.errors import ChartInvalid
from control_plane.upstreams.folders import Packer, is_deployable
from control_plane.upstreams.git_address import place_of
from control_plane.upstreams.git_ssh import Ssh
from control_plane.upstreams.git_transport import connected
from control_plane.upstreams.git_tree import SMALL_BLOBS, GitTree, commit_of
from control_plane.upstreams.packing import chart_name, chart_version
from control_plane.upstreams.registry_auth import is_internal
from control_plane.upstreams.registry_protocol import without_secrets
from control_plane.upstreams.web_client import WebClient

KEPT_CHARTS, KEPT_BYTES = 32, 64 * 1024 * 1024
FRESH_SECONDS = 5.0
MAX_COMMITS = 500
MAX_NOTED = 100
_TAGS, _HEADS, _PEELED = "refs/tags/", "refs/heads/", "^{}"

Refs = Mapping[str, str]


class CommitLine(msgspec.Struct, frozen=True, kw_only=True):
    """A commit for people: its id, the first line of its message, who wrote it and when."""

    id: str
    title: str
    author: str
    written_at: datetime


class _Packed(msgspec.Struct, frozen=True):
    """A packed folder. Empty where it is no chart: ``problem`` says why, and ``absent`` is its digest then."""

    content: bytes
    digest: str
    absent: str
    committed_at: datetime
    problem: str = ""


class GitSource:
    """Git repositories (``source.Source``). The last charts are kept by commit, so that asking again costs no fetch."""

    def __init__(self, web: WebClient, packer: Packer, ssh: Ssh | None = None) -> None:
        self._web, self._packer, self._ssh = web, packer, ssh or Ssh()
        self._charts: OrderedDict[tuple[str, str, str, str], _Packed] = OrderedDict()
        self._seen: dict[tuple[str, str], tuple[float, Refs]] = {}
        self._lock = threading.Lock()

    def host(self, spec: SourceSpec) -> str:
        """See ``Source``."""
        place = place_of(spec.location)
        return f"ssh://{place.server}" if place.host else urlsplit(place.url).netloc

    def listing(self, spec: SourceSpec, memo: Mapping[str, str]) -> Listing | None:
        """See ``Source``: every tag, or the one branch that is followed."""
        refs = self._refs(spec)
        state = sha256_hex(canonical_json(dict(refs)))
        if memo.get("refs") == state:
            return None
        if spec.branch and spec.branch not in refs:
            raise NotFound(f"{without_secrets(spec.location)} has no branch {spec.branch!r}", code="no_branch")
        return Listing(tags=tuple(Tag(name=name) for name in refs), memo={"refs": state})

    def detail(self, spec: SourceSpec, tag: str, *, platforms: bool) -> Tag:
        """See ``Source``. The digest is the packed folder's. A repository followed for its versions only has that of the commit's id."""
        del platforms
        packed = self._packed(spec, tag)
        return Tag(name=tag, digest=packed.digest, created_at=packed.committed_at)

    def artifact(self, spec: SourceSpec, tag: str, digest: str) -> bytes:
        """See ``Source``. A branch that has moved on since is ``NotFound``, a tag that has is ``Untrusted``."""
        with self._lock:
            kept = next((one for one in self._charts.values() if one.digest == digest), None)
        packed = kept or self._packed(spec, tag)
        if not packed.content:
            hint = "" if spec.path else ": name the chart's folder with `path`"
            raise ChartInvalid(f"{packed.problem}{hint}", code="no_chart")
        if packed.digest != digest:
            where = f"{spec.path or '.'} at {tag} of {without_secrets(spec.location)}"
            if digest == packed.absent:
                words = f"{where} was no chart when it was chosen and is one now: publish it as another version"
                raise ChartInvalid(words, code="no_chart")
            if spec.branch:
                raise NotFound(f"{where} has moved on and is not {digest} any more", code="moved_on")
            raise Untrusted(f"{where} has the digest {packed.digest}, not {digest}", code="digest_mismatch")
        return packed.content

    def notes(self, spec: SourceSpec, tag: str, digest: str, *, since: str) -> Notes | None:
        """See ``Source``: the commits since the tag before; of a branch, or of a first tag, the newest alone."""
        del digest
        if spec.branch or since == tag:
            since, tag = "", self._fresh_refs(spec).get(tag, tag)
        lines = self.commits(spec, since, tag, most=MAX_NOTED + 1)
        if not lines:
            return None
        count = f"{min(len(lines), MAX_NOTED)}{' and more' if len(lines) > MAX_NOTED else ''}"
        title = f"{count} commits since {since}" if since and len(lines) > 1 else lines[0].title
        body = "\n".join(f"{one.id[:12]} {one.title} ({one.author})" for one in lines[:MAX_NOTED])
        return Notes(title=title, body=body, published_at=lines[0].written_at, author=lines[0].author)

    def commits(self, spec: SourceSpec, since: str, until: str, *, most: int = 100) -> tuple[CommitLine, ...]:
        """Return what lies between two tags or commits, newest first, at most ``most``; ``since`` itself is not in it.

        Without ``since``: the newest alone. History that goes back further than ``MAX_COMMITS`` is not read. Raises NotFound, Transient.
        """
        refs = self._refs(msgspec.structs.replace(spec, branch=""))
        names = [until, since] if since else [until]
        ends = [refs.get(name, name) for name in names]
        for name, end in zip(names, ends, strict=True):
            if not _is_commit_id(end):
                raise NotFound(f"{without_secrets(spec.location)} has no tag or commit {name!r}", code="no_such_tag")
        with tempfile.TemporaryDirectory(prefix="tidegate-git-") as folder, Repo.init_bare(folder) as repo:
            self._fetch(spec, repo, ends, depth=MAX_COMMITS if since else 1, filter_spec=b"tree:0")
            return tuple(_lines(repo, ends[0], ends[1:], most if since else 1))

    def _refs(self, spec: SourceSpec) -> Refs:
        """Return what is followed: names without ``refs/…``, and the commits that they name in the end, sorted."""
        prefix = _HEADS + spec.branch if spec.branch else _TAGS
        with connected(spec.location, self._web, self._ssh) as (client, path):
            found = client.get_refs(path.encode(), ref_prefix=[prefix.encode()]).refs
        start = _HEADS if spec.branch else _TAGS
        refs = dict(_named({_text(name): _text(value) for name, value in found.items() if value}, start))
        refs = {name: refs[name] for name in sorted(refs) if name == spec.branch or not spec.branch}
        with self._lock:
            self._seen[spec.location, spec.branch] = (time.monotonic(), refs)
        return refs

    def _fresh_refs(self, spec: SourceSpec) -> Refs:
        """Return what the look a moment ago saw, or look."""
        with self._lock:
            at, refs = self._seen.get((spec.location, spec.branch), (0.0, {}))
        return refs if refs and time.monotonic() - at < FRESH_SECONDS else self._refs(spec)

    def _packed(self, spec: SourceSpec, tag: str) -> _Packed:
        commit = self._fresh_refs(spec).get(tag) or self._refs(spec).get(tag)
        if commit is None:
            raise NotFound(f"{without_secrets(spec.location)} has no {tag!r}", code="no_such_tag")
        key = (spec.location, spec.path, tag, commit)
        with self._lock:
            kept = self._charts.get(key)
        packed = kept or self._pack(spec, tag, commit)
        if packed.content or not spec.path:  # what one depends on may be there the next time
            self._keep(key, packed)
        return packed

    def _keep(self, key: tuple[str, str, str, str], packed: _Packed) -> None:
        with self._lock:
            self._charts[key] = packed
            self._charts.move_to_end(key)
            while (
                sum(len(one.content) for one in self._charts.values()) > KEPT_BYTES or len(self._charts) > KEPT_CHARTS
            ):
                self._charts.popitem(last=False)

    def _pack(self, spec: SourceSpec, tag: str, commit: str) -> _Packed:
        where = f"of {without_secrets(spec.location)} at {tag}"
        if not spec.path:
            with self._fetched(spec, tag, commit, where, filter_spec=b"blob:none") as (repo, found):
                if not is_deployable(GitTree(repo, found, where).names("")):
                    return _no_chart(found, f"the folder {where} has neither a Chart.yaml nor any YAML")
        with self._fetched(spec, tag, commit, where, filter_spec=SMALL_BLOBS) as (repo, found):
            name = spec.path.strip("/.").rpartition("/")[2] or spec.location.removesuffix(".git").rpartition("/")[2]
            version = chart_version("" if spec.branch else tag, commit)
            tree = GitTree(repo, found, where, is_internal=is_internal(urlsplit(spec.location).netloc))
            try:
                content = self._packer.pack(tree, spec.path, name=chart_name(name), version=version, app_version=tag)
            except ChartInvalid as error:
                return _no_chart(found, error.message)
            return _Packed(content, f"sha256:{sha256_hex(content)}", _absent(found), _time_of(found))

    @contextmanager
    def _fetched(
        self, spec: SourceSpec, tag: str, commit: str, where: str, *, filter_spec: bytes
    ) -> Iterator[tuple[Repo, Commit]]:
        """Yield a repository that goes away, with this very commit and those of its files that pass the filter."""
        ref = f"{_HEADS if spec.branch else _TAGS}{tag}"
        with tempfile.TemporaryDirectory(prefix="tidegate-git-") as folder, Repo.init_bare(folder) as repo:
            (fetched,) = self._fetch(spec, repo, [ref], depth=1, filter_spec=filter_spec)
            found = commit_of(repo, fetched)
            if found.id.decode() != commit:
                raise Transient(f"{where} moved while it was read", retry_after=5, code="moved")
            yield repo, found

    def _fetch(
        self, spec: SourceSpec, repo: Repo, wanted: list[str], *, depth: int, filter_spec: bytes | None = None
    ) -> list[ObjectID]:
        """Fetch refs or commits and return the ids of what was fetched: older servers give out only what they advertise."""
        ids: list[ObjectID] = []

        def choose(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            del depth
            ids[:] = [refs.get(Ref(one.encode()), ObjectID(one.encode())) for one in wanted]
            return ids

        with connected(spec.location, self._web, self._ssh) as (client, path):
            prefixes = [_TAGS.encode(), _HEADS.encode()]
            client.fetch(path.encode(), repo, choose, depth=depth, ref_prefix=prefixes, filter_spec=filter_spec)
        return ids


def _no_chart(commit: Commit, problem: str) -> _Packed:
    return _Packed(b"", _absent(commit), _absent(commit), _time_of(commit), problem)


def _absent(commit: Commit) -> str:
    return f"sha256:{sha256_hex(commit.id)}"


def _time_of(commit: Commit) -> datetime:
    return datetime.fromtimestamp(commit.commit_time, UTC)


def _lines(repo: Repo, until: str, since: list[str], most: int) -> Iterator[CommitLine]:
    without = [ObjectID(one.encode()) for one in since]
    for entry in repo.get_walker(include=[ObjectID(until.encode())], exclude=without, max_entries=most):
        commit = entry.commit
        title = commit.message.decode(errors="replace").strip().partition("\n")[0][:200]
        author = commit.author.decode(errors="replace").partition(" <")[0]
        yield CommitLine(id=commit.id.decode(), title=title, author=author, written_at=_time_of(commit))


def _named(refs: Mapping[str, str], start: str) -> Iterator[tuple[str, str]]:
    """Yield names without their prefix; an annotated tag stands for the commit that it names in the end."""
    for name, value in refs.items():
        if name.startswith(start) and not name.endswith(_PEELED) and name.isprintable():
            yield name.removeprefix(start), refs.get(name + _PEELED, value)


def _is_commit_id(text: str) -> bool:
    return len(text) in {40, 64} and all(one in "0123456789abcdef" for one in text)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
