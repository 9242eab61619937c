"""Metrics: Prometheus' text format, counts that the database has, and nobody without a token."""

import re

from control_plane.store.models import Release, Rollout
from control_plane.store.session import read_scope

LINE = re.compile(r'^(# (HELP|TYPE) tidegate_[a-z_]+ .+|tidegate_[a-z_]+\{[a-z]+="[\w-]+"\} -?[\d.e+]+)$')


def read(people) -> str:
    from django.test import Client

    from control_plane.web.accounts import tokens

    token = tokens.create(people["viewer"], "prometheus")
    answer = Client(SERVER_NAME="127.0.0.1").get("/api/v1/metrics", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (200, "text/plain")
    return answer.content.decode()


def test_every_line_is_in_the_text_format(people):
    assert [line for line in read(people).splitlines() if not LINE.match(line)] == []


def test_counts_are_those_of_the_database(people):
    text = read(people)
    for name, model in {"tidegate_releases": Release, "tidegate_rollouts": Rollout}.items():
        with read_scope() as session:
            total = session.query(model).count()
        assert total
        assert sum(int(number) for number in re.findall(rf"^{name}{{.*}} (\d+)$", text, re.MULTILINE)) == total
    assert set(re.findall(r'^tidegate_clusters{state="(\w+)"}', text, re.MULTILINE)) <= {"new", "in_contact", "silent"}


def test_without_a_token_nothing_is_told(client_of):
    assert client_of("").get("/api/v1/metrics").status_code == 401
