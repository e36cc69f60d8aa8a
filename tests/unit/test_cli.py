"""The command line without a core: splitting, help, errors, exit codes, start-up."""

import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from stretto.__main__ import main
from stretto.cli import plainly, split
from stretto.commands import COMMANDS
from stretto.errors import ExitCode, StrettoError
from stretto.options import BY_FLAG
from stretto.parser import Parser, add_run_options, given


@pytest.mark.parametrize(
    ("argv", "options", "command"),
    [
        ("-n 3 -- ls -l", "-n 3", "ls -l"),
        ("-n 3 ls -n 4", "-n 3", "ls -n 4"),
        ("-v ls -- -l", "-v", "ls -- -l"),
        ("--layout=disjoint --log x -- -- y", "--layout=disjoint --log x", "-- y"),
        ("-n3 --no-maps --config f true", "-n3 --no-maps --config f", "true"),
        ("-n 2", "-n 2", ""),
        ("-n", "-n", ""),
        ("- x", "", "- x"),
        ("", "", ""),
    ],
)
def test_split(argv: str, options: str, command: str) -> None:
    assert split(argv.split()) == (options.split(), command.split())


WORDS = strategies.one_of(
    strategies.sampled_from([*BY_FLAG, "--config", "-v", "-n3", "-n=3", "-vq", "--help", "--policies", "-"]),
    strategies.sampled_from(["3", "balanced", "a=b", "-1", "", "--no-config"]),
    strategies.tuples(
        strategies.sampled_from([*BY_FLAG, "--config"]), strategies.sampled_from(["", "x", "a=b"])
    ).map("=".join),
)


@hypothesis.given(strategies.lists(WORDS, max_size=6))
def test_plain_words_mean_what_they_mean_to_the_parser(words: list[str]) -> None:
    options, _ = split(words)
    plain = plainly(options)
    parser = Parser("run", None)
    add_run_options(parser)
    try:
        arguments = parser.parse_args(options)
    except (StrettoError, SystemExit):
        assert plain is None
    else:
        assert plain in (None, (given(arguments), arguments.config))


@pytest.mark.parametrize(
    "words", ["-n 3 -v", "--variants=3 --config=f --no-maps", "--log x --syscalls a --syscalls=b"]
)
def test_plain_words_need_no_parser(words: str) -> None:
    assert plainly(words.split()) is not None


def run(argv: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        code = main(argv)
    except SystemExit as exit:  # argparse's --help
        code = int(exit.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run([command, "--help"], capsys)
    assert code == 0
    assert out.startswith("usage: stretto " + command)


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["help"]])
def test_help_lists_commands(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(argv, capsys)
    assert code == 0
    assert all(f"  {command} " in out for command in COMMANDS)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Programs that can't be started, each for its own reason."""
    (tmp_path / "plain").write_text("#!/bin/sh\n")
    (tmp_path / "text").write_text("echo no first line\n")
    (tmp_path / "empty").write_bytes(b"")
    header = bytearray(Path("/proc/self/exe").read_bytes()[:64])
    header[18:20] = (183).to_bytes(2, "little")
    (tmp_path / "arm").write_bytes(header)
    header[4], header[18:20] = 1, (3).to_bytes(2, "little")
    (tmp_path / "i386").write_bytes(header)
    for name in ("text", "empty", "arm", "i386"):
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ("run", 125, "no program given"),
        ("run -n 3 --", 125, "no program given"),
        ("run -n 0 -- true", 125, "--variants: variants must be 1 to 8, got 0"),
        ("run -n 9 -- true", 125, "--variants: variants must be 1 to 8, got 9"),
        ("run --nonsense -- true", 125, "unrecognized arguments: --nonsense; see stretto run --help"),
        ("run --config nowhere.toml -- true", 125, "nowhere.toml: No such file or directory"),
        ("run --report FILES/plain -- true", 125, "FILES/plain: exists; --force overwrites it"),
        ("run --report FILES/no/x.html -- true", 125, "FILES/no: no such directory"),
        ("run --variant FILES/gone -- true", 125, "--variant 1=FILES/gone: no such file"),
        ("run -- no-such-program-here", 127, "no-such-program-here: command not found"),
        ("run -- FILES/gone", 127, "FILES/gone: no such file"),
        ("run -- FILES/plain/x", 127, "FILES/plain/x: not a directory on the way"),
        ("run -- FILES", 126, "FILES: is a directory"),
        ("run -- FILES/plain", 126, "FILES/plain: permission denied (not executable)"),
        ("run -- FILES/text", 126, "FILES/text: neither an ELF program nor a script with #!"),
        ("run -- FILES/empty", 126, "FILES/empty: neither an ELF program nor a script with #!"),
        ("run -- FILES/arm", 126, "FILES/arm: a program for AArch64, not for x86-64"),
        ("run -- FILES/i386", 126, "FILES/i386: a program for i386, not for x86-64"),
        ("nonsense", 125, "no command 'nonsense'; see stretto --help"),
        ("report FILES/gone", 125, "FILES/gone: no such file or directory"),
        ("report FILES/text", 125, "FILES/text:1: not JSON"),
        ("report FILES/empty", 125, "FILES/empty: no divergence in it"),
        ("report --number x FILES/text", 125, "argument --number/-k: invalid int value: 'x'"),
        ("completion ksh", 125, "argument shell: invalid choice: 'ksh'"),
    ],
)
def test_one_line_and_a_documented_code(
    argv: str, code: int, message: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.replace("FILES", str(files)) for word in argv.split()]
    got, out, err = run(words, capsys)
    assert (got, out) == (code, "")
    assert err.startswith("stretto: " + message.replace("FILES", str(files)))
    assert err.count("\n") == 1


def test_hostile_name_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(["run", "--", "./\x1b[2J\nstretto: all is well"], capsys)
    assert err == "stretto: ./\\x1b[2J\\x0astretto: all is well: no such file\n"


HEAVY = (
    "argparse",
    "contextlib",
    "enum",
    "functools",
    "re",
    "rich",
    "jinja2",
    "json",
    "typing",
    "dataclasses",
    "inspect",
    "tomllib",
    "subprocess",
    "ctypes",
    "asyncio",
)


def test_run_imports_nothing_heavy(tmp_path: Path) -> None:
    """Start-up is part of every run: modules that only reports need are not loaded by a run without one."""
    probe = (
        "import sys, types; fake = types.ModuleType('stretto._core');"
        "fake.run = lambda _: dict(status=0, outcome='exited', signal=None, error=None,"
        " divergences=[], statistics='');"
        "sys.modules['stretto._core'] = fake;"
        "from stretto.__main__ import main; before = set(sys.modules);"
        "assert main(['run', '-n', '2', '--', 'true']) == 0;"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path!r}; {probe}"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_closed_pipe(tmp_path: Path) -> None:
    script = f"{sys.executable} -m stretto --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", str(ExitCode.SIGNAL + 13))
