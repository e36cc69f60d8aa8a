"""Variants have short slices, so that whoever lets others on its CPU run is back soon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.runner import STRETTO, TIERS, environment, fresh

from stretto import probes

#: Prints how many nanoseconds at a time the process may run, and a child of its own.
ASKS = """
import ctypes, os, struct, sys
room = ctypes.create_string_buffer(48)
for who in ["parent", "child"]:
    if who == "parent" or os.fork() == 0:
        ctypes.CDLL(None).syscall(315, 0, room, 48, 0)
        print(who, struct.unpack_from("Q", room, 24)[0], flush=True)
    else:
        os.wait()
"""


def slices(*prefix: str, home: Path) -> dict[str, int]:
    command = [*prefix, sys.executable, "-c", ASKS]
    out = subprocess.run(command, env=environment(home), check=True, capture_output=True, text=True).stdout
    return {who: int(ns) for who, ns in map(str.split, out.splitlines())}


@pytest.mark.parametrize("tier", TIERS)
def test_programs_and_their_children_have_short_slices(tier: str, tmp_path: Path) -> None:
    home = fresh(tmp_path / "work")
    before = slices(home=home)
    try:
        probes.short_slices()
        expected = {"parent": probes.SLICE_NS, "child": probes.SLICE_NS}
    except probes.Missing:
        expected = before
    assert slices(*STRETTO, "run", *TIERS[tier], "--", home=home) == expected
    assert slices(home=home) == before
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
