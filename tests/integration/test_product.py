"""`stretto` as its users meet it: real programs, the real core, and what is left behind."""

import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stretto

Completed = subprocess.CompletedProcess[str]
NR_PTRACE, NR_PRCTL, NR_SECCOMP = 101, 157, 317


def run(*words: str, **options: object) -> Completed:
    """Runs `stretto` with these words and waits for its end."""
    command = [sys.executable, "-m", "stretto", *words]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STRETTO_")}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **{"env": environ, **options})  # type: ignore[call-overload, no-any-return]


@pytest.fixture(autouse=True)
def _leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test runs in its own directory and leaves no process that works in it."""
    monkeypatch.chdir(tmp_path)
    yield
    left = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link) == str(tmp_path) and link.parent.name != str(os.getpid()):
                # What was killed with its tracer may need a moment to end.
                end = os.pidfd_open(int(link.parent.name))
                name = (link.parent / "cmdline").read_bytes()
                left += [] if select.select([end], [], [], 5.0)[0] else [name]
                os.close(end)
        except OSError:
            continue
    assert left == []


@pytest.mark.parametrize("variants", ["1", "2", "3", "8"])
@pytest.mark.parametrize(
    "command",
    [
        ["true"],
        ["false"],
        ["echo", "a b", "", "c"],
        ["sh", "-c", "exit 42"],
        ["sh", "-c", "kill -TERM $$"],
        ["sh", "-c", "kill -SEGV $$"],
        ["sh", "-c", "echo out; echo err >&2; exit 3"],
        ["cat"],
    ],
    ids=" ".join,
)
def test_streams_and_status_are_the_programs(command: list[str], variants: str) -> None:
    native = subprocess.run(command, capture_output=True, text=True, input="line 1\nline 2\n")
    guarded = run("run", "-n", variants, "--", *command, input="line 1\nline 2\n")
    status = native.returncode if native.returncode >= 0 else 128 - native.returncode
    assert (guarded.returncode, guarded.stdout, guarded.stderr) == (status, native.stdout, native.stderr)


def test_options_may_precede_the_program_without_dashes() -> None:
    done = run("run", "-n", "3", "printf", "%s\n", "-n", "--variants")
    assert (done.returncode, done.stdout, done.stderr) == (0, "-n\n--variants\n", "")


def test_verbose_shows_plan_and_phases() -> None:
    done = run("run", "-v", "--", "true")
    assert done.returncode == 0
    assert done.stdout == ""
    for pattern in (
        r"^stretto: program: +/\S*/true \(ELF",
        r"^stretto: spawn done after [0-9.]+, [0-9.]+ ms$",
        r"\d+ calls",
    ):
        assert re.search(pattern, done.stderr, re.MULTILINE), done.stderr


def test_log_has_a_beginning_and_an_end(tmp_path: Path) -> None:
    assert run("run", "--log", "events.jsonl", "--", "sh", "-c", "true; true & wait").returncode == 0
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[0]["event"] == "start"
    assert events[-1]["event"] == "end"
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--", "/nonexistent/program"), 127),
        (("--", "/"), 126),
        (("-n", "0", "--", "true"), 125),
        (("-n", "9", "--", "true"), 125),
        (("--log", "/nonexistent/log", "--", "true"), 125),
        (("--log", "/", "--", "true"), 125),
    ],
)
def test_bad_input_is_one_line_and_a_code(words: tuple[str, ...], code: int) -> None:
    done = run("run", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("stretto: ")
    assert done.stderr.count("\n") == 1


def test_missing_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nonexistent/interpreter\n")
    script.chmod(0o755)
    done = run("run", "--", "./script")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == "stretto: ./script: its interpreter '/nonexistent/interpreter' is missing\n"


def deny(number: int, argument: int | None = None) -> Callable[[], None]:
    """A preexec function: from now on this system call (with this first argument) fails with EPERM."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    rows = [(0x20, 0, 0, 0), (0x15, 0, 1 if argument is None else 3, number)]
    if argument is not None:
        rows += [(0x20, 0, 0, 16), (0x15, 0, 1, argument)]
    rows += [(0x06, 0, 0, 0x00050000 | 1), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(rows), ctypes.addressof(code)))

    def install() -> None:
        assert code  # `program` points at it
        libc.prctl(38, 1, 0, 0, 0)
        if libc.prctl(22, 2, program, 0, 0):
            os._exit(99)

    return install


def test_ptrace_forbidden() -> None:
    done = run("run", "--", "true", preexec_fn=deny(NR_PTRACE))
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1
    assert "ptrace" in done.stderr
    report = run("doctor", "--json", preexec_fn=deny(NR_PTRACE))
    assert report.returncode == 125
    findings = {check["name"]: check for check in json.loads(report.stdout)["checks"]}
    assert findings["ptrace"]["status"] == "missing"
    assert "not permitted" in findings["ptrace"]["detail"].lower()


@pytest.mark.parametrize("number", [NR_SECCOMP, NR_PRCTL])
def test_seccomp_forbidden(number: int) -> None:
    """Whichever call the core installs its filter with: it fails as a whole, or works by the other one."""
    argument = 22 if number == NR_PRCTL else None
    done = run("run", "--", "echo", "hello", preexec_fn=deny(number, argument))
    if done.returncode == 0:
        assert (done.stdout, done.stderr) == ("hello\n", "")
    else:
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)


def test_doctor_finds_all_it_needs() -> None:
    done = run("doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "MISSING" not in done.stdout


@pytest.mark.parametrize(
    ("number", "options", "script"),
    [
        (signal.SIGKILL, [], "echo ready; sleep 300 & wait"),
        (signal.SIGTERM, [], "echo ready; exec sleep 300"),
        (signal.SIGINT, [], "echo ready; exec sleep 300"),
        (signal.SIGTERM, ["--orphans", "kill"], "echo ready; sleep 300 & wait"),
    ],
)
def test_nothing_survives_the_end_of_stretto(number: signal.Signals, options: list[str], script: str) -> None:
    command = [sys.executable, "-m", "stretto", "run", *options, "--", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            status = process.wait(20)
        finally:
            process.kill()
    assert status in (-number, 128 + number)


def test_settings_from_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "stretto.toml").write_text('variants = 3\nlog = "events.jsonl"\n')
    assert run("run", "--", "true").returncode == 0
    start = json.loads((tmp_path / "events.jsonl").read_text().splitlines()[0])
    assert start["variants"] == 3
    (tmp_path / "stretto.toml").write_text("variants = 3\nvariants = 4\n")
    done = run("run", "--", "true")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("stretto: stretto.toml")


def test_from_python(capfd: pytest.CaptureFixture[str]) -> None:
    result = stretto.run(
        ["sh", "-c", "echo $GREETING; exit 7"], variants=3, env={**os.environ, "GREETING": "hello"}
    )
    assert (result.status, result.outcome, result.divergences) == (7, "exited", [])
    assert result.events[0]["event"] == "start"
    assert result.statistics["calls"] > 0
    assert capfd.readouterr() == ("hello\n", "")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("variants", ["2", "3"])
def test_demo(variants: str, tmp_path: Path) -> None:
    done = run("demo", "-n", variants, "--report", "attack.html")
    assert done.returncode == 0, done.stdout + done.stderr
    native, guarded = done.stdout.split(f"2. The service as {variants} variants under Stretto")
    assert "the attacker's command `id` ran: uid=" in native
    assert "normal request   Hello, Ada. You are visitor 1." in guarded
    assert "uid=" not in guarded
    assert "it was stopped before it had an effect" in guarded
    assert done.stderr.startswith("DIVERGENCE ")
    assert "SIGSEGV" in done.stderr
    assert "greet" in done.stderr
    assert (tmp_path / "attack.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("policy", ["strict", "balanced"])
def test_a_run_that_waits_tells_on_request_where_every_thread_stands(policy: str) -> None:
    command = [sys.executable, "-m", "stretto", "run", "-q", "--policy", policy, "--", "cat"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, bufsize=1, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("goes on\n")
        assert process.stdout.readline() == "goes on\n"
        process.send_signal(signal.SIGPWR)
        told: list[str] = []
        # Each variant's thread names its call: what it waits in, or the one before.
        while sum(" last call " in line for line in told) < 2:
            told.append(process.stderr.readline())
            assert told[-1].startswith("stretto: "), told
        process.stdin.write("still\n")
        assert process.stdout.readline() == "still\n"
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    own = [line for line in told if "its own thread" in line]
    for name in ("variant 0", "variant 1"):
        assert any(f"({name}): ran " in line and "s for a CPU, " in line for line in own), told
