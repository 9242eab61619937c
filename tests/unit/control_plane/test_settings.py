"""Secrets come from files; addresses are taken as operators write them."""

from pathlib import Path

import pytest

from control_plane.services.outside import repository_of
from control_plane.settings import Settings


def file(tmp_path: Path, text: str) -> Path:
    made = tmp_path / "secret"
    made.write_text(text)
    return made


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_database_url_from_a_file_gets_our_driver(tmp_path: Path, scheme: str) -> None:
    settings = Settings(database_url_file=file(tmp_path, f"{scheme}://tidegate:s@db:5432/tidegate?sslmode=require\n"))
    assert settings.database == "postgresql+psycopg://tidegate:s@db:5432/tidegate?sslmode=require"


def test_a_password_from_a_file_is_put_into_the_url_and_nowhere_else(tmp_path: Path) -> None:
    settings = Settings(
        database_url="postgresql://tidegate@db/tidegate", database_password_file=file(tmp_path, "p@ss/word\n")
    )
    assert settings.database == "postgresql+psycopg://tidegate:p%40ss%2Fword@db/tidegate"
    assert "p@ss" not in repr(settings)


def test_a_broker_url_from_a_file_ends_the_embedded_mode(tmp_path: Path) -> None:
    assert Settings().is_embedded
    settings = Settings(broker_url_file=file(tmp_path, "redis://:secret@redis:6379/0\n"))
    assert (settings.broker, settings.is_embedded) == ("redis://:secret@redis:6379/0", False)
    assert "secret@" not in repr(settings)


def test_a_secret_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        _ = Settings(broker_url_file=tmp_path / "absent").broker


def test_a_process_without_keys_makes_none(tmp_path: Path) -> None:
    repository = repository_of(Settings(data_dir=tmp_path / "data", signs=False))
    assert repository.keys.signed.names(".") == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("host", "url"),
    [("::1", "http://[::1]:8080"), ("2001:db8::1", "http://[2001:db8::1]:8080"), ("10.0.0.1", "http://10.0.0.1:8080")],
)
def test_an_ipv6_host_stands_in_brackets(host: str, url: str) -> None:
    assert Settings(host=host).url == url
