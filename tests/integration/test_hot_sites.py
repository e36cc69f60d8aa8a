"""What one run has found hot, the next patches at once: fewer stops, equal results, no trust in any file."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import Outcome, environment, fresh, guarded, run

#: Often enough to have a site patched, and too seldom.
MANY, FEW = "60", "6"
PROGRAMS = Path(__file__).parents[1] / "programs"

SOURCE = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "hot.h"

/* Its instruction holds the bytes of a syscall: patched, another number comes out. */
__attribute__((noipa)) static unsigned number(void) { return 0x00050f90; }

int main(int argc, char **argv) {
    int zero = open("/dev/zero", O_RDONLY), sum = argc;
    char bytes[16];
    for (int i = 0; i < atoi(argv[1]); i++)
        sum += (hot(39, 0, 0, 0) == getpid()) + (int)read(zero, bytes, sizeof bytes);
    printf("%s %d %x\\n", VERSION, sum, number());
    return 0;
}
"""


@dataclass
class Guest:
    """A program and a memory of its hot sites."""

    base: Path
    program: str
    memory: Path

    def native(self, *command: str) -> Outcome:
        return run(self._command(command), fresh(self.base / "work"))

    def run(self, *command: str, variants: int = 2, memory: str = "") -> tuple[Outcome, dict[str, Any]]:
        """The outcome, and what was counted."""
        log = self.base / "log.jsonl"
        log.unlink(missing_ok=True)
        options = ("--hot-sites", memory or str(self.memory), "--log", str(log))
        seen = run(self._command(command), fresh(self.base / "work"), variants=variants, options=options)
        return seen, json.loads(log.read_text().splitlines()[-1])["statistics"]

    def _command(self, command: tuple[str, ...]) -> list[str]:
        return list(command) if len(command) > 1 else [self.program, *command]

    def file(self) -> Path:
        """What is remembered of the program."""
        notes = subprocess.run(["readelf", "-n", self.program], capture_output=True, text=True, check=True)
        found = re.search(r"Build ID: ([0-9a-f]+)", notes.stdout)
        assert found, notes.stdout
        return self.memory / found[1]


def built(base: Path, version: str, *flags: str) -> str:
    source = base / "guest.c"
    source.write_text(SOURCE)
    defined = (f'-DVERSION="{version}"', f"-I{PROGRAMS}", "-Wl,--build-id")
    return compiled(base / f"guest-{version}", [source], *defined, *flags)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return built(tmp_path_factory.mktemp("hot"), "one")


@pytest.fixture
def guest(program: str, tmp_path: Path) -> Guest:
    return Guest(tmp_path, program, tmp_path / "memory" / "sites")


@pytest.mark.parametrize("variants", [1, 2, 3])
def test_the_next_run_patches_at_once_and_stops_less(guest: Guest, variants: int) -> None:
    _, first = guest.run(MANY, variants=variants)
    assert first["patched"] > 0
    assert first["from_memory"] == 0
    assert first["hot_sites"]["remembered"] == first["patched"]
    expected = guest.native(FEW)
    cold, without = guest.run(FEW, variants=variants, memory="none")
    warm, counted = guest.run(FEW, variants=variants)
    assert not difference(expected, cold)
    assert not difference(expected, warm)
    assert without["from_memory"] == 0
    assert without["hot_sites"] is None
    assert (counted["patched"], counted["from_memory"]) == (0, first["patched"])
    assert counted["calls"] < without["calls"] - 5
    assert counted["in_process"] > without["in_process"]
    assert counted["hot_sites"]["remembered"] == 0


def test_what_is_forked_and_executed_is_patched_too(guest: Guest) -> None:
    guest.run(MANY)
    script = 'g=$0; "$g" 6; ("$g" 6); "$g" 6 | cat; exec "$g" 6'
    expected = guest.native("sh", "-c", script, guest.program)
    seen, counted = guest.run("sh", "-c", script, guest.program)
    assert not difference(expected, seen)
    assert counted["from_memory"] >= 4 * 2


def test_another_build_is_not_patched_from_old_memory(tmp_path: Path) -> None:
    one, two = (Guest(tmp_path, built(tmp_path, version), tmp_path / "memory") for version in ("one", "two"))
    one.run(MANY)
    _, same = one.run(FEW)
    seen, other = two.run(FEW)
    assert one.file().exists()
    assert not two.file().exists()
    # What both have in common is the libraries' hot sites.
    assert other["from_memory"] == same["from_memory"] - 1
    assert not difference(two.native(FEW), seen)


def test_a_program_without_build_id_is_not_remembered(tmp_path: Path) -> None:
    guest = Guest(tmp_path, built(tmp_path, "none", "-Wl,--build-id=none"), tmp_path / "memory")
    _, counted = guest.run(MANY)
    # Its own site is not, those of the libraries are.
    assert counted["hot_sites"]["remembered"] == counted["patched"] - 1 > 0


def test_only_instructions_are_patched_whatever_the_file_says(guest: Guest) -> None:
    code = Path(guest.program).read_bytes()
    sites = {at for at in range(len(code)) if code[at : at + 2] == b"\x0f\x05"}
    others = {0, 1, len(code), len(code) - 1, 1 << 40, (1 << 64) - 1} | {site + 1 for site in sites}
    assert len(sites) >= 2
    guest.memory.mkdir(parents=True)
    lines = "".join(f"{site:x}\n" for site in sorted(sites | others))
    guest.file().write_text(f"stretto hot sites 1\n{lines}end\n")
    seen, counted = guest.run(FEW)
    assert not difference(guest.native(FEW), seen)
    assert counted["from_memory"] == len(sites) - 1


GARBAGE = {
    "empty": b"",
    "binary": bytes(range(256)) * 16,
    "cut": b"stretto hot sites 1\n1000\n",
    "another format": b"stretto hot sites 2\n1000\nend\n",
    "long": b"stretto hot sites 1\n" + b"".join(b"%x\n" % at for at in range(50_000)) + b"end\n",
    "words": b"stretto hot sites 1\n../../etc/passwd\nend\n",
}


@pytest.mark.parametrize("content", GARBAGE.values(), ids=GARBAGE)
def test_a_file_that_can_not_be_read_is_ignored_and_replaced(guest: Guest, content: bytes) -> None:
    guest.memory.mkdir(parents=True)
    guest.file().write_bytes(content)
    seen, counted = guest.run(MANY)
    assert not difference(guest.native(MANY), seen)
    assert counted["hot_sites"]["trouble"].startswith(str(guest.file()))
    _, again = guest.run(FEW)
    assert again["from_memory"] > 0
    assert again["hot_sites"]["trouble"] is None


def test_links_and_pipes_in_place_of_a_file_are_neither_followed_nor_waited_for(guest: Guest) -> None:
    guest.run(MANY)
    whole = guest.memory / "whole"
    guest.file().rename(whole)
    guest.file().symlink_to(whole)
    content = whole.read_bytes()
    _, linked = guest.run(MANY)
    assert linked["patched"] > 0
    assert whole.read_bytes() == content
    assert not guest.file().is_symlink()
    guest.file().unlink()
    os.mkfifo(guest.file())
    seen, counted = guest.run(FEW)
    assert not difference(guest.native(FEW), seen)
    assert counted["hot_sites"]["trouble"]


def test_a_directory_that_can_not_be_written_is_told_only_to_who_asks(guest: Guest) -> None:
    blocked = guest.base / "file"
    blocked.touch()
    expected = guest.native(MANY)
    seen, counted = guest.run(MANY, memory=str(blocked / "sites"))
    assert not difference(expected, seen)
    assert str(blocked / "sites") in counted["hot_sites"]["trouble"]
    told = subprocess.run(
        guarded([guest.program, MANY], 2, "-v", "--hot-sites", str(blocked / "sites")),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"hot sites: {blocked / 'sites'}" in told.stderr


def test_an_unprivileged_user_with_a_home_of_somebody_else_runs_without(guest: Guest) -> None:
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    guest.memory.mkdir(parents=True, mode=0o700)
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*become, "/bin/true"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("nobody can be become here")
    done = subprocess.run(
        [*become, *guarded(["/bin/sh", "-c", "echo fine"], 2, "--hot-sites", str(guest.memory))],
        capture_output=True,
        text=True,
        env=environment(guest.base),
        cwd="/",
    )
    if "Permission denied" in done.stderr or "No module" in done.stderr:
        pytest.skip("nobody can't read this installation")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


@pytest.mark.parametrize("home", [True, False])
def test_a_directory_is_found_by_itself_if_there_is_a_home(guest: Guest, home: bool) -> None:
    work, cache = guest.base / "work", guest.base / "cache"
    environ = environment(work, XDG_CACHE_HOME=str(cache) if home else "")
    if not home:
        del environ["HOME"]
    command, options = [guest.program, MANY], ("--hot-sites", "auto")
    seen = run(command, fresh(work), variants=2, options=options, environ=environ)
    assert not difference(run(command, fresh(work)), seen)
    assert (cache / "stretto" / "sites").is_dir() == home
