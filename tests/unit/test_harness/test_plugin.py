"""The pytest plugin in real pytest runs, with a stand-in for kubectl; on real clusters the e2e tests use it."""

import json
import stat

import pytest

from test_harness.phases import SELECTION

pytest_plugins = "pytester"

SUITE = """
    import pytest

    @pytest.mark.seed
    def test_seed(): pass

    @pytest.mark.verify
    def test_verify(): pass

    @pytest.mark.seed
    @pytest.mark.verify
    def test_both(): pass

    def test_unmarked(): pass
"""
SECRET = '{"data": {"password": "aHVudGVyMg=="}}'


@pytest.fixture(autouse=True)
def only_our_plugin(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def suite(pytester):
    pytester.makeini("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    pytester.makepyfile(SUITE)
    return pytester


@pytest.fixture
def cluster(pytester):
    """Options that lead to a kubectl which answers every question with a Secret and notes what it was asked."""
    program = pytester.path / "kubectl"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {pytester.path}/asked\necho '{SECRET}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return ["--tidegate-kubeconfig=kube", "--tidegate-namespace=web", f"--tidegate-kubectl={program}"]


def ran(result):
    return {line.split("::")[1].split()[0] for line in result.outlines if "PASSED" in line}


@pytest.mark.parametrize("phase", SELECTION)
def test_each_phase_runs_its_tests(suite, phase):
    result = suite.runpytest("-p", "tidegate", "-v", f"--tidegate-phase={phase}")
    names = {"seed": {"test_seed", "test_both"}, "verify": {"test_verify"}, "unmarked": {"test_unmarked"}}
    assert ran(result) == set().union(*(names[kind] for kind in SELECTION[phase]))
    assert result.ret == 0


def test_without_a_phase_every_test_runs(suite):
    assert len(ran(suite.runpytest("-p", "tidegate", "-v"))) == 4


def test_an_unknown_phase_is_refused(suite):
    result = suite.runpytest("-p", "tidegate", "--tidegate-phase=lunch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*invalid choice: 'lunch'*")


def test_app_without_a_cluster_says_what_to_give(pytester):
    pytester.makepyfile("def test_it(app): pass")
    result = pytester.runpytest("-p", "tidegate")
    result.stdout.fnmatch_lines("*needs a cluster: give --tidegate-kubeconfig FILE and --tidegate-namespace NAME*")
    assert result.ret == 1


def test_a_run_that_has_nothing_to_do_with_tidegate_is_left_alone(pytester):
    pytester.makepyfile("def test_it(): pass")
    assert pytester.runpytest("-p", "tidegate").ret == 0
    assert not (pytester.path / ".tidegate-state.json").exists()


def test_app_knows_where_it_is_and_reads_secrets(pytester, cluster):
    pytester.makepyfile("""
        def test_it(app):
            assert (app.namespace, app.release, app.phase) == ("web", "2.0.0", "upgrade")
            assert app.secret("admin") == {"password": "hunter2"}
    """)
    result = pytester.runpytest("-p", "tidegate", *cluster, "--tidegate-release=2.0.0", "--tidegate-phase=upgrade")
    assert result.ret == 0, result.stdout.str()
    asked = (pytester.path / "asked").read_text()
    assert asked == f"--kubeconfig {pytester.path}/kube -n web get secret admin -o json\n"


def test_state_is_kept_between_phases_and_private(pytester, cluster):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.seed
        def test_seed(app):
            app.state["user"] = {"name": "ann"}

        @pytest.mark.verify
        def test_verify(app):
            assert app.state["user"]["name"] == "ann"
    """)
    for phase in ("seed", "verify"):
        result = pytester.runpytest(
            "-p", "tidegate", *cluster, f"--tidegate-phase={phase}", "--tidegate-state=kept.json"
        )
        assert result.ret == 0, result.stdout.str()
    file = pytester.path / "kept.json"
    assert json.loads(file.read_text()) == {"user": {"name": "ann"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_program_that_fails_is_quoted(pytester, cluster):
    (pytester.path / "kubectl").write_text("#!/bin/sh\necho 'Error from server (NotFound): no secret' >&2; exit 1\n")
    pytester.makepyfile("def test_it(app): app.secret('admin')")
    result = pytester.runpytest("-p", "tidegate", *cluster)
    result.stdout.fnmatch_lines("*ToolFailed: kubectl get: Error from server (NotFound): no secret*")


def test_a_missing_program_is_named(pytester, cluster):
    pytester.makepyfile("def test_it(app): app.secret('admin')")
    result = pytester.runpytest("-p", "tidegate", *cluster[:2], "--tidegate-kubectl=nowhere/kubectl")
    result.stdout.fnmatch_lines("*the program nowhere/kubectl was not found; `tidegate doctor`*")
