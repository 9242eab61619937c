"""Making and changing people. The first administrator is made at first start, with a password that is shown once."""

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from control_plane.domain.errors import InvalidInput, Mistake, NotFound, Place, Refused
from control_plane.web.accounts.models import User
from control_plane.web.accounts.roles import Role

FIRST_ADMIN = "admin"
PASSWORD_BYTES = 15


def ensure_first_admin() -> str | None:
    """Make the first administrator if there is nobody yet; return the password to print once, else None."""
    with transaction.atomic():
        if User.objects.exists():
            return None
        return _with_first_password(User(name=FIRST_ADMIN, role=Role.ADMIN.value))


def person_add(*, name: str, role: Role) -> str:
    """Make a person; return the first password, which cannot be had again."""
    person = User(name=name, role=role.value)
    try:
        person.full_clean(exclude=["password"])
    except ValidationError as error:
        raise _invalid(error) from None
    return _with_first_password(person)


def person_named(name: str) -> User:
    """Return the person. ``NotFound`` with the names that there are, ``Refused`` where there is no control plane."""
    try:
        people = {person.name: person for person in User.objects.order_by("name")}
    except DatabaseError as error:
        raise Refused(
            "this database has no people yet: start the control plane once, or set TIDEGATE_DATA_DIR or "
            f"TIDEGATE_DATABASE_URL to where it works ({error})",
            code="no_control_plane",
        ) from error
    if name not in people:
        raise NotFound(f"there is no person {name!r}; there are: {', '.join(people) or 'none'}", code="person_unknown")
    return people[name]


def password_reset(person: User) -> str:
    """Give ``person`` a new first password and return it."""
    return _with_first_password(person)


def person_change(person: User, *, role: Role, is_active: bool) -> None:
    """Change what ``person`` may do. ``Refused`` if nobody could manage people any more."""
    stays_admin = role is Role.ADMIN and is_active
    others = User.objects.filter(role=Role.ADMIN.value, is_active=True).exclude(pk=person.pk)
    if not stays_admin and not others.exists():
        raise Refused(
            "this is the last active administrator: make another person administrator first", code="last_admin"
        )
    person.role, person.is_active = role.value, is_active
    person.save(update_fields=["role", "is_active"])


def password_change(person: User, *, new: str) -> None:
    """Set a password of the person's own choice."""
    try:
        validate_password(new, person)
    except ValidationError as error:
        raise _invalid(error) from None
    person.set_password(new)
    person.has_first_password = False
    person.save(update_fields=["password", "has_first_password"])


def _with_first_password(person: User) -> str:
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    person.set_password(password)
    person.has_first_password = True
    person.save()
    return password


def _invalid(error: ValidationError) -> InvalidInput:
    fields = error.message_dict if hasattr(error, "error_dict") else {"password": error.messages}
    mistakes = tuple(Mistake(Place(field=field), problem) for field, problems in fields.items() for problem in problems)
    return InvalidInput("; ".join(str(mistake) for mistake in mistakes), mistakes=mistakes)
