"""Completion scripts: each knows every option, and bash's is tried in bash."""

import subprocess
from pathlib import Path

import pytest

from stretto.commands import COMMANDS
from stretto.commands.completion import SHELLS, bash
from stretto.options import OPTIONS


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_everything_is_offered(shell: str) -> None:
    script = SHELLS[shell]()
    for command in COMMANDS:
        assert command in script
    for option in OPTIONS:
        assert (f"-l {option.name}" if shell == "fish" else f"--{option.name}") in script


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("stretto d", "demo doctor"),
        ("stretto run --lay", "--layout"),
        ("stretto run --layout dis", "disjoint-code disjoint"),
        ("stretto report --j", "--json"),
        ("stretto completion z", "zsh"),
        ("stretto run -- tru", "true"),
        ("stretto run --log out", "output.log"),
    ],
)
def test_bash(line: str, offered: str, tmp_path: Path) -> None:
    (tmp_path / "output.log").touch()
    words = line.split(" ")
    state = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}"
    script = f"{bash()}\n{state}; _stretto; echo ${{COMPREPLY[*]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert set(offered.split()) <= set(done.stdout.split())
