"""The application form: the file as text, the policy of each upstream as fields, what would be chosen live, a look at the change, apply.

The file's text is the one truth. A field that a person changed is written into it; everything that is shown is read out of it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.errors import InvalidInput, Mistake, NotFound, Place, Refused, TidegateError
from control_plane.domain.text_diff import text_diff
from control_plane.services import applications, drafts
from control_plane.services.applications import CHANGED_MEANWHILE
from control_plane.services.declarations import file_of, mark_of
from control_plane.services.drafts import Draft, DraftUpstream
from control_plane.services.explaining import MOST_TAGS
from control_plane.services.reading import account_owner, shared_reader
from control_plane.store.models import Application
from control_plane.store.queries.drafts import application_or_none, followers
from control_plane.store.session import Session, read_scope, session_scope
from control_plane.upstreams.application_file import parse_application_file
from control_plane.web.accounts.access import Request, check, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard import policy_form
from control_plane.web.dashboard.policy_form import PolicyFields, fields_of, policy_of, posted_fields
from control_plane.web.dashboard.show import show as show_page
from control_plane.web.dashboard.tag_tables import TagTable, tag_table

SHOWN = 12  # tags of an upstream: those around the choice; its own page has all
STARTER = """\
apiVersion: tidegate.dev/v1
kind: Application
metadata: {name: my-app}
spec:
  description: What it is, in one line
  # Where new versions appear, and which of them are wanted.
  chart:
    oci: ghcr.io/example/charts/my-app
    version: "*"
  # From the rehearsal to edge by itself; on to stable after two days, when one person has agreed.
  channels:
    - name: edge
    - {name: stable, after: edge, soak: 2d, approvals: 1}
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One upstream of the form: its fields, what came of them, and what is wrong in them. ``was``: the fields as the file says them."""

    alias: str
    fields: PolicyFields
    was: str
    upstream: DraftUpstream | None
    table: TagTable | None
    pasted: str
    mistakes: tuple[Mistake, ...]


@needs(Role.MAINTAINER, methods=("GET", "HEAD", "POST"))
def new(request: Request) -> HttpResponse:
    """Write the file of a new application."""
    return _form(request, "")


@needs(Role.VIEWER, methods=("GET", "HEAD", "POST"))
def edit(request: Request, name: str) -> HttpResponse:
    """Change an application's file; whoever may not apply it may try policies."""
    return _form(request, name)


@needs(Role.MAINTAINER, methods=("POST",))
def review(request: Request) -> HttpResponse:
    """Show what would change before it is applied."""
    return _review(request, request.POST.get("application", ""))


@needs(Role.MAINTAINER, methods=("POST",))
def apply(request: Request) -> HttpResponse:
    """Declare what was looked at. What somebody changed meanwhile is shown first, and nothing is lost."""
    name, text = request.POST.get("application", ""), _text(request.POST)
    try:
        with session_scope() as session:
            application = _found(session, name)
            row = applications.application_declare(
                session,
                declaration=parse_application_file(text, file=drafts.FILE, kept_suite=drafts.kept_suite(application)),
                suite=None,
                file=text,
                expected=request.POST.get("seen", ""),
                reason=request.POST.get("reason", "").strip(),
                actor=request.user.actor,
                now=timezone.now(),
                owner_of=account_owner,
            )
            name = row.name
    except InvalidInput:
        return _form(request, name)
    except Refused as error:
        if error.code != CHANGED_MEANWHILE:
            raise
        return _review(request, name)
    messages.success(request, f"{name} is declared: its places are looked at now.")
    return HttpResponseRedirect(reverse("application", args=(name,)))


def _form(request: Request, name: str) -> HttpResponse:
    now, post, pasted = timezone.now(), request.POST, _pasted(request.POST)
    unseen = _look(request, name, pasted) | _too_many(pasted)
    with read_scope() as session:
        application = _found(session, name)
        text = _text(post) if request.method == "POST" else file_of(application) if application else STARTER
        text, wrong = _with_fields(text, post, application) if post.get("by") != "file" else (text, {})
        draft, wrong = _draft(session, text, application, pasted), {**wrong, **unseen}
        blocks = _blocks(draft, post, pasted, wrong)
        context = {
            **_about(application, post),
            "draft": draft,
            "blocks": blocks,
            "is_wrong": bool(draft.mistakes or wrong),
            "dialects": policy_form.DIALECTS,
            "prereleases": policy_form.PRERELEASES,
            "majors": policy_form.MAJORS,
        }
        response = show_page(request, session, "application_form.html", context, now=now)
    if context["is_wrong"] and "HX-Request" not in request.headers:
        response.status_code = 422
    return response


def _review(request: Request, name: str) -> HttpResponse:
    now, post = timezone.now(), request.POST
    with read_scope() as session:
        application = _found(session, name)
        text, wrong = _with_fields(_text(post), post, application)
        draft = _draft(session, text, application, {})
        if wrong or draft.declaration is None:
            return _form(request, name)
        before = file_of(application) if application else ""
        meanwhile = post.get("seen", "") != mark_of(application)
        channels = [rule.name for rule in draft.declaration.channels]
        context = {
            **_about(application, post),
            "mark": mark_of(application),
            "meanwhile": meanwhile,
            "draft": draft,
            "lines": text_diff(before, text),
            "followers": followers(session, channels),
            "channels": channels,
        }
        response = show_page(request, session, "application_review.html", context, now=now)
    response.status_code = 409 if meanwhile else 200
    return response


def _about(application: Application | None, post: QueryDict) -> dict[str, Any]:
    action = reverse("application-edit", args=(application.name,)) if application else reverse("application-new")
    return {"application": application, "action": action, "mark": post.get("seen", mark_of(application))}


def _found(session: Session, name: str) -> Application | None:
    if not name:
        return None
    application = application_or_none(session, name)
    if application is None:
        raise NotFound(f"no application is named {name}: the overview lists all", code="no_application")
    return application


def _text(post: QueryDict) -> str:
    """Return the file. Browsers send a text's lines with CRLF."""
    return post.get("file", "").replace("\r\n", "\n")


def _with_fields(
    text: str, post: QueryDict, application: Application | None
) -> tuple[str, dict[str, tuple[Mistake, ...]]]:
    """Write the fields that a person changed into the file; return it, and what is wrong in fields, by alias."""
    wrong: dict[str, tuple[Mistake, ...]] = {}
    for alias in _aliases(post):
        fields = posted_fields(post, alias)
        if fields.written == post[f"was.{alias}"]:
            continue
        try:
            text = _with_policy(text, alias, fields, application)
        except InvalidInput as error:
            wrong[alias] = error.mistakes
    return text, wrong


def _with_policy(text: str, alias: str, fields: PolicyFields, application: Application | None) -> str:
    """An upstream that the file does not name any more, or a file that is wrong elsewhere, has no place for a policy."""
    try:
        declared = parse_application_file(text, file=drafts.FILE, kept_suite=drafts.kept_suite(application))
    except InvalidInput:
        return text
    before = {one.alias: one.policy for one in declared.upstreams}
    if alias not in before:
        return text
    return drafts.draft_edit(text, {alias: policy_of(fields, before[alias])}, application=application)


def _aliases(post: Mapping[str, Any]) -> list[str]:
    return [key.removeprefix("was.") for key in post if key.startswith("was.")]


def _draft(session: Session, text: str, application: Application | None, pasted: Mapping[str, list[str]]) -> Draft:
    now = timezone.now()
    return drafts.draft_read(
        session, text=text, application=application, pasted=pasted, owner_of=account_owner, now=now
    )


def _pasted(post: QueryDict) -> dict[str, list[str]]:
    """Return the lists of tags to try, by alias."""
    return {key.removeprefix("tags."): post.get(key, "").split() for key in post if key.startswith("tags.")}


def _look(request: Request, name: str, pasted: dict[str, list[str]]) -> dict[str, tuple[Mistake, ...]]:
    """Where a person asks for it, put what a place lists right now in ``pasted``; return why it could not be had, by alias."""
    post = request.POST
    if not (alias := post.get("look", "")):
        return {}
    check(request.user, Role.MAINTAINER)
    with read_scope() as session:
        suite = drafts.kept_suite(_found(session, name))
    try:
        pasted[alias] = drafts.draft_look(
            _text(post), alias, kept_suite=suite, reader=shared_reader(), owner_of=account_owner
        )
    except InvalidInput:  # the page shows all that is wrong with the file
        return {}
    except TidegateError as error:
        return {alias: (Mistake(Place(), error.message),)}
    return {}


def _too_many(pasted: dict[str, list[str]]) -> dict[str, tuple[Mistake, ...]]:
    """Leave out lists that are too long to be tried; return what is said about them, by alias."""
    long = {alias: len(tags) for alias, tags in pasted.items() if len(tags) > MOST_TAGS}
    for alias in long:
        pasted[alias] = []
    hint = f"at most {MOST_TAGS} at once"
    return {alias: (Mistake(Place(), f"{count} tags are too many to try", hint),) for alias, count in long.items()}


def _blocks(
    draft: Draft, post: QueryDict, pasted: Mapping[str, list[str]], wrong: Mapping[str, tuple[Mistake, ...]]
) -> list[Block]:
    """Return the form's upstreams: those of the file, or while that is wrong those that the form had."""
    found = {one.alias: one for one in draft.upstreams}
    return [_block(alias, found.get(alias), post, pasted, wrong.get(alias, ())) for alias in found or _aliases(post)]


def _block(
    alias: str,
    upstream: DraftUpstream | None,
    post: QueryDict,
    pasted: Mapping[str, list[str]],
    mistakes: tuple[Mistake, ...],
) -> Block:
    in_file = fields_of(upstream.policy) if upstream else None
    return Block(
        alias=alias,
        fields=in_file if in_file and not mistakes else posted_fields(post, alias),
        was=in_file.written if in_file else post.get(f"was.{alias}", ""),
        upstream=upstream,
        table=tag_table(upstream.tags, "", SHOWN) if upstream and upstream.tags else None,
        pasted="\n".join(pasted.get(alias, ())),
        mistakes=mistakes,
    )
