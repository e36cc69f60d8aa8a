"""Variants have short slices, so that whoever lets others on its CPU run is back soon."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.runner import STRETTO, TIERS, environment, fresh

from stretto import _core

#: Prints how many nanoseconds at a time the process may run, and a child of its own.
ASKS = """
import ctypes, os, struct
room = ctypes.create_string_buffer(48)
for who in ["parent", "child"]:
    if who == "parent" or os.fork() == 0:
        ctypes.CDLL(None).syscall(315, 0, room, 48, 0)
        print(who, struct.unpack_from("Q", room, 24)[0], flush=True)
    else:
        os.wait()
"""
#: Does so when it has run a program.
RUNS = "import stretto\nassert stretto.run(['true']).status == 0" + ASKS


def slices(script: str, *prefix: str, home: Path) -> dict[str, int]:
    command = [*prefix, sys.executable, "-c", script]
    out = subprocess.run(command, env=environment(home), check=True, capture_output=True, text=True).stdout
    return {who: int(ns) for who, ns in map(str.split, out.splitlines())}


@pytest.mark.parametrize("tier", TIERS)
def test_programs_and_their_children_have_short_slices(tier: str, tmp_path: Path) -> None:
    home = fresh(tmp_path / "work")
    given = _core.short_slices()
    expected = slices(ASKS, home=home) if given is None else {"parent": given, "child": given}
    assert slices(ASKS, *STRETTO, "run", *TIERS[tier], "--", home=home) == expected


def test_who_runs_a_program_from_python_has_its_own_slices_again(tmp_path: Path) -> None:
    home = fresh(tmp_path / "work")
    assert slices(RUNS, home=home) == slices(ASKS, home=home)
