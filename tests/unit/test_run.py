"""`stretto run` and `stretto.run` with a core that only pretends."""

import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import samples

import stretto
from stretto import policy
from stretto.__main__ import main
from stretto.config import Config
from stretto.plan import Plan
from stretto.syscalls.compile import load

Outcome = dict[str, Any]


class FakeCore:
    """Remembers what it was asked for and answers with what it was given."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.outcome: Outcome = {
            "status": 0,
            "outcome": "exited",
            "signal": None,
            "error": None,
            "divergences": [],
            "statistics": "{}",
        }
        self.before: Callable[[dict[str, Any]], None] = lambda config: None

    def run(self, config: dict[str, Any]) -> Outcome:
        self.asked = config
        self.before(config)
        return self.outcome

    def diverge(self, *documents: samples.Document) -> None:
        texts = [json.dumps(document) for document in documents]
        self.outcome |= {"status": 86, "outcome": "divergence", "divergences": texts}


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeCore:
    fake = FakeCore()
    module = types.ModuleType("stretto._core")
    module.__dict__["run"] = fake.run
    monkeypatch.setitem(sys.modules, "stretto._core", module)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("STRETTO_"):
            monkeypatch.delenv(name)
    return fake


def test_what_the_core_is_told(core: FakeCore) -> None:
    assert (
        main(["run", "-n", "3", "--layout", "disjoint", "--variant", "2=/bin/ls", "--", "true", "a\udcff"])
        == 0
    )
    asked = core.asked
    assert asked["argv"] == [b"true", b"a\xff"]
    assert (asked["variants"], asked["layout"], asked["variant_paths"]) == (3, "disjoint", {2: b"/bin/ls"})
    assert (asked["on_divergence"], asked["placement"], asked["orphans"]) == ("kill", "pin", "wait")
    assert (asked["timeout"], asked["log"]) == (60.0, None)
    assert asked["env"] is None
    assert asked["table"] is None
    assert (asked["policy"], asked["patch_after"]) == ("balanced", 8)


def test_policy_of_a_table_of_ones_own(core: FakeCore, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    options = ["run", "--patch-after", "1", "--policy", "balanced", "--"]
    assert main([*options, "true"]) == 0
    assert (core.asked["policy"], core.asked["patch_after"]) == ("balanced", 1)
    assert main(["run", "--syscalls", "mine.py", *options[1:], "true"]) == 0
    assert core.asked["policy"] == policy.compile(load(), "balanced")
    assert main(["run", "--syscalls", "mine.py", "--policy", "strict", "true"]) == 0
    assert core.asked["policy"] == "strict"


@pytest.mark.parametrize("status", [0, 1, 42, 139, 255])
def test_status_is_passed_on(status: int, core: FakeCore, capsys: pytest.CaptureFixture[str]) -> None:
    core.outcome["status"] = status
    assert main(["run", "true"]) == status
    assert capsys.readouterr() == ("", "")


def test_failure_is_one_line(core: FakeCore, capsys: pytest.CaptureFixture[str]) -> None:
    core.outcome |= {"status": 125, "outcome": "failed", "error": "ptrace: operation not permitted"}
    assert main(["run", "true"]) == 125
    assert capsys.readouterr().err == "stretto: ptrace: operation not permitted\n"
    with pytest.raises(stretto.StrettoError, match="operation not permitted"):
        stretto.run(["true"])


def test_warnings_are_one_line_each(core: FakeCore, capsys: pytest.CaptureFixture[str]) -> None:
    event = {"event": "warning", "code": "threads", "message": "a second thread\n\x1b[2J"}
    core.before = lambda config: config["on_event"] and config["on_event"](json.dumps(event))
    assert main(["run", "true"]) == 0
    assert capsys.readouterr().err == "stretto: warning: a second thread\\x0a\\x1b[2J\n"
    assert main(["run", "-q", "true"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("reaction", "said"), [("kill", ""), ("vote", "stretto: divergence: other calls\n")])
def test_divergences_that_the_run_survives_are_told_at_once(
    reaction: str, said: str, core: FakeCore, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"event": "divergence", "summary": "other calls"}
    core.before = lambda config: config["on_event"](json.dumps(event))
    assert main(["run", "-q", "--on-divergence", reaction, "true"]) == 0
    assert capsys.readouterr().err == said


def test_verbose_prints_plan_and_phases(core: FakeCore, capsys: pytest.CaptureFixture[str]) -> None:
    statistics = {
        "calls": 40,
        "in_process": 3000,
        "signals": 0,
        "processes": 1,
        "tasks": 1,
        "patched": 7,
        "from_memory": 3,
        "hot_sites": {"directory": "/c", "remembered": 2, "trouble": "/c: no room"},
        "restored": 2,
        "refused_sites": {"a call in the window": 1},
        "phases": [{"name": "exec", "ms": 3.25}, {"name": "exec", "ms": 3.5}],
    }
    core.outcome["statistics"] = json.dumps(statistics)
    assert main(["run", "-v", "--", "true", "x y"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert all(line.startswith("stretto: ") for line in lines)
    for words in (
        "program:",
        "'x y'",
        "variant 1:   follower",
        "layout:",
        "placement:",
        "policy:      balanced:",
        "table:",
        "exec done after 3.2, 3.5 ms",
    ):
        assert words in err
    assert lines[-4:] == [
        "stretto: 40 calls in the monitor, 3000 in the process, 0 signals, 1 processes, 1 tasks, "
        "7 sites patched, 3 patched from memory, 2 patches taken back",
        "stretto: 2 hot sites remembered in /c",
        "stretto: hot sites: /c: no room",
        "stretto: 1 site not patched: a call in the window",
    ]


def test_divergence_is_reported_and_saved(
    core: FakeCore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    core.diverge(samples.leaked_pointer(), samples.jump_into_nowhere())
    arguments = ["run", "--report", "page.html", "--report-dir", "all", "--", "true"]
    assert main(arguments) == 86
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("DIVERGENCE write: byte 17")
    assert "stretto: another divergence: variant 1 got SIGSEGV" in err
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    saved = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert saved == ["divergence-100-0.json", "divergence-100-1.json"]
    assert main(arguments) == 125
    assert "page.html: exists; --force overwrites it" in capsys.readouterr().err
    assert main([*arguments[:1], "--force", *arguments[1:]]) == 86


def test_report_from_python(core: FakeCore, capsys: pytest.CaptureFixture[str]) -> None:
    core.diverge(samples.leaked_pointer())
    events = '{"event":"start"}\n{"event":"warning","message":"m"}\n'

    def write_log(config: dict[str, Any]) -> None:
        Path(config["log"]).write_text(events)

    core.before = write_log
    result = stretto.run(
        ["true"], variants=3, on_divergence="vote", variant={1: Path("/bin/ls")}, env={"A": "1"}
    )
    assert core.asked["variant_paths"] == {1: b"/bin/ls"}
    assert core.asked["env"] == [b"A=1"]
    assert (result.status, result.outcome, bool(result)) == (86, "divergence", False)
    assert result.divergences[0]["call"]["name"] == "write"
    assert [event["event"] for event in result.events] == ["start", "warning"]
    assert result.warnings == ["m"]
    assert result.report().startswith("DIVERGENCE")
    assert result.report("html").startswith("<!doctype html>")
    assert json.loads(result.report("json")) == samples.leaked_pointer()
    assert capsys.readouterr() == ("", "")
    assert not Path(core.asked["log"]).exists()


def test_python_result_without_divergence(core: FakeCore) -> None:
    result = stretto.run(["true"])
    assert result
    with pytest.raises(stretto.StrettoError, match="nothing to report"):
        result.report()


@pytest.mark.parametrize(
    ("options", "error"), [({"variants": 9}, stretto.StrettoError), ({"varients": 2}, TypeError)]
)
def test_python_options_are_checked(options: dict[str, Any], error: type[Exception], core: FakeCore) -> None:
    with pytest.raises(error):
        stretto.run(["true"], **options)


def test_python_ignores_environment_and_files(
    core: FakeCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stretto.toml").write_text("variants = 4")
    monkeypatch.setenv("STRETTO_VARIANTS", "5")
    stretto.run(["true"])
    assert core.asked["variants"] == 2
    stretto.run(["true"], config="stretto.toml")
    assert core.asked["variants"] == 4


def test_missing_core_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "stretto._core", None)
    assert main(["run", "true"]) == 125
    assert capsys.readouterr().err.startswith("stretto: the native core can't be loaded")


@pytest.mark.parametrize(
    "key",
    [*"argv variants variant_paths layout on_divergence placement orphans".split(), "patch_after", "timeout"],
)
def test_the_core_has_no_defaults_of_its_own(key: str) -> None:
    from stretto._core import run

    plan = Plan(["/bin/true"], Config()).for_core()
    del plan[key]
    with pytest.raises(ValueError, match=f"^{key} is missing$"):
        run(plan)
