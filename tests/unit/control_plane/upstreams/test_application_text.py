"""What is written is what is read: declarations as files, policies as texts, values as YAML."""

import pytest
from hypothesis import given, settings

from control_plane.domain.versions.policy import Guards, Policy
from control_plane.upstreams.application_file import load_application_file, parse_application_file
from control_plane.upstreams.application_text import application_text
from control_plane.upstreams.fields import duration_text
from control_plane.upstreams.policy_text import parse_policy, policy_text
from control_plane.upstreams.yaml_source import read_yaml, write_yaml
from examples.miniflux import publish as miniflux
from tests.unit.control_plane.upstreams.policies import POLICIES, VALUES, declarations


@settings(max_examples=40)
@given(declarations())
def test_a_declaration_is_read_out_of_the_file_that_it_is_written_as(declaration):
    assert parse_application_file(application_text(declaration)) == declaration


def test_an_example_with_a_suite_and_a_program_comes_back_whole():
    loaded = load_application_file(miniflux.HERE / "application.yaml")
    text = application_text(loaded.declaration)
    assert parse_application_file(text, suite=loaded.suite) == loaded.declaration
    assert "        - |\n          dropdb --username=miniflux" in text  # programs stay readable


@given(POLICIES)
def test_a_policy_is_read_out_of_its_text(policy):
    assert parse_policy(policy_text(policy)) == policy


def test_an_age_of_weeks_is_written_in_days():
    policy = Policy(rule=">=2", guards=Guards(minimum_age_seconds=14 * 86400.0))
    assert "minimumAge: 14d" in policy_text(policy)


@given(VALUES)
def test_values_are_read_out_of_their_yaml(values):
    assert read_yaml(write_yaml(values), file="x").plain() == values
    assert read_yaml(write_yaml(values, flow=True), file="x").plain() == values


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (5400, "90m"), (172800, "2d"), (1.5, "1.5s"), (61, "61s")])
def test_lengths_of_time_have_one_unit(seconds, text):
    assert duration_text(seconds) == text
