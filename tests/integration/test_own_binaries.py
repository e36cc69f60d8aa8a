"""Followers with binaries of their own: the same program from another compilation, seen as one program."""

from pathlib import Path

import pytest
from tests.support.build import compiled
from tests.support.compare import difference
from tests.support.runner import NATIVE, TIERS, fresh, run

PROGRAMS = Path(__file__).parents[1] / "programs"


def build(source: str, flag: str, base: Path) -> Path:
    """The program, compiled with one more flag."""
    return Path(compiled(base / f"program{flag}", [PROGRAMS / source], flag, f"-I{PROGRAMS}"))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("source", ["descriptors/files.c", "processes/posix_spawn.c"])
def test_differently_compiled_variants_are_one_program(source: str, tier: str, tmp_path: Path) -> None:
    program, *others = (build(source, flag, tmp_path) for flag in ("-O0", "-O2", "-Os"))
    own = [word for other in others for word in ("--variant", str(other))]
    native = run([str(program)], fresh(tmp_path / "work"), variants=NATIVE)
    seen = run([str(program)], fresh(tmp_path / "work"), variants=3, options=(*TIERS[tier], *own))
    found = difference(native, seen)
    assert not found, found
