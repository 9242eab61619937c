"""Sign in, sign out, change one's own password, choose a theme."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from control_plane.domain.errors import InvalidInput, Refused
from control_plane.web.accounts import people, throttle
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role

THEMES = ("system", "light", "dark")
THEME_COOKIE = "tidegate_theme"
YEAR_SECONDS = 365 * 24 * 3600


def sign_in(request: HttpRequest) -> Any:
    """Show the form, or check a name and a password."""
    if request.method == "POST":
        return _try_sign_in(request)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(("GET", "HEAD", "POST"))
    if request.user.is_authenticated:
        return HttpResponseRedirect(_target(request))
    return render(request, "accounts/sign_in.html", {"next": request.GET.get("next", "")})


def _try_sign_in(request: HttpRequest) -> Any:
    name, address = request.POST.get("name", "").strip(), request.META.get("REMOTE_ADDR", "")
    if throttle.is_blocked(address, name):
        minutes = int(throttle.WINDOW.total_seconds() // 60)
        response = _again(request, f"Too many wrong passwords. Try again in {minutes} minutes.", status=429)
        response["Retry-After"] = str(minutes * 60)
        return response
    user = authenticate(request, username=name, password=request.POST.get("password", ""))
    if user is None:
        throttle.note_failure(address, name)
        return _again(request, "The name or the password is wrong.", status=401)
    throttle.forget(address, name)
    login(request, user)
    return HttpResponseRedirect(_target(request))


def _again(request: HttpRequest, problem: str, *, status: int) -> Any:
    context = {"problem": problem, "name": request.POST.get("name", ""), "next": request.POST.get("next", "")}
    return render(request, "accounts/sign_in.html", context, status=status)


def _target(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if allowed else reverse("overview")


@needs(Role.VIEWER, methods=("POST",))
def sign_out(request: HttpRequest) -> HttpResponseRedirect:
    """End the session."""
    logout(request)
    return HttpResponseRedirect(reverse("sign-in"))


@needs(Role.VIEWER, methods=("POST",))
def change_password(request: Request) -> HttpResponseRedirect:
    """Set a password of one's own; other sessions of the person end."""
    if not request.user.check_password(request.POST.get("current", "")):
        raise Refused("the current password is wrong: nothing was changed", code="wrong_password")
    if request.POST.get("new", "") != request.POST.get("again", ""):
        raise InvalidInput("the two new passwords differ: type the same one twice")
    people.password_change(request.user, new=request.POST.get("new", ""))
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. Your other sessions have ended.")
    return HttpResponseRedirect(reverse("settings"))


def set_theme(request: HttpRequest) -> Any:
    """Remember how the pages should look, in a cookie of this browser."""
    theme = request.POST.get("theme", "")
    if request.method != "POST" or theme not in THEMES:
        raise InvalidInput(f"a theme is one of {', '.join(THEMES)}")
    response = HttpResponseRedirect(reverse("settings"))
    response.set_cookie(
        THEME_COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure()
    )
    return response
