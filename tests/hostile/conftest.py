"""One directory for all hostile programs, one for each attempt."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.running import Attempt, Result, attempt, builder


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Builds programs once."""
    return builder(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def attack(build: Callable[[str], str], tmp_path: Path) -> Attempt:
    """Runs a hostile program by its name."""

    def run_it(name: str, *arguments: str, **options: object) -> Result:
        return attempt(build(name), tmp_path, *arguments, **options)  # type: ignore[arg-type]

    return run_it
