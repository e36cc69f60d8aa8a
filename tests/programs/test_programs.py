"""Every guest natively and under Stretto: output, exit status and files are equal byte for byte."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from tests.programs.table import HERE, Guest, load
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, Outcome, decoded, fresh, run

#: What guests do on purpose.
MEANT = ("-Wno-unused-result", "-Wno-infinite-recursion")
GUESTS = load()
Run = Callable[[Guest, int, tuple[str, ...]], Outcome]
DISJOINT: dict[str, tuple[str, ...]] = {"disjoint": ("--layout", "disjoint", "--patch-after", "1")}
#: With which options more guests are run whose names begin so: what only the preset `fast` has in the
#: process changes files and sockets; with the layout `disjoint` heaps and mappings lie apart.
MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "descriptors/": {"fast": ("--policy", "fast", "--patch-after", "1")},
    "memory/break": DISJOINT,
    "memory/beside_patched_code": DISJOINT,
}


@pytest.fixture(scope="session")
def run_guest(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Builds a guest once, and runs it in a directory that is always the same."""
    base = tmp_path_factory.mktemp("programs")

    @cache
    def build(source: Path, flags: tuple[str, ...]) -> str:
        folder = base / ("bin" + "".join(flags))
        folder.mkdir(exist_ok=True)
        threads = () if "-nostdlib" in flags else ("-pthread",)
        return compiled(folder / source.stem, [source], f"-I{HERE}", *MEANT, *flags, *threads)

    @cache
    def run_it(guest: Guest, variants: int, options: tuple[str, ...]) -> Outcome:
        program = build(guest.path, guest.flags)
        directory = fresh(base / "work")
        command = [program, *guest.arguments]
        outcome = run(
            command,
            directory,
            variants=variants,
            options=options,
            timeout=guest.timeout,
            ignore=guest.ignore,
        )
        shutil.rmtree(directory)
        return outcome

    return run_it


def more(guest: Guest) -> dict[str, tuple[str, ...]]:
    return next((options for name, options in MORE.items() if guest.source.startswith(name)), {})


@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.label)
def test_natively(guest: Guest, run_guest: Run) -> None:
    """What a guest checks holds on this kernel: else the comparison would prove nothing."""
    outcome = run_guest(guest, NATIVE, ())
    assert b"FAIL" not in outcome.stdout, decoded(outcome.stdout)
    assert not outcome.leftovers


def counts(guest: Guest) -> tuple[int, ...]:
    """How many variants run it: where threads take turns, also as many that the leader alone has a CPU."""
    if guest.source.startswith("threads/"):
        return (2, 3, 4)
    return (2, 4) if guest.source.startswith(("signals/", "processes/")) else (2,)


@pytest.mark.parametrize(
    ("guest", "variants", "options"),
    [
        pytest.param(guest, variants, options, id=f"{guest.label}-n{variants}-{tier}")
        for guest in GUESTS
        for variants in counts(guest)
        for tier, options in (TIERS | more(guest)).items()
    ],
)
def test_equal_to_native(guest: Guest, variants: int, options: tuple[str, ...], run_guest: Run) -> None:
    native = run_guest(guest, NATIVE, ())
    seen = run_guest(guest, variants, options)
    if guest.guarded:
        assert re.fullmatch(guest.guarded, seen.stdout.decode()), decoded(seen.stdout + seen.stderr)
        native = replace(native, stdout=seen.stdout)
    found = difference(native, seen)
    assert not found, found
