"""Pages that are generated equal what generates them; links between pages lead somewhere."""

import re
from pathlib import Path

import pytest

from stretto import errors, options
from stretto.commands import syscalls

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_exit_codes() -> None:
    assert (ROOT / "docs/errors.md").read_text() == errors.markdown()
    codes = {code for name, code in vars(errors.ExitCode).items() if name.isupper()}
    assert set(errors.MEANING) == codes


def test_options() -> None:
    assert options.markdown() in (ROOT / "docs/howto/configure.md").read_text()


def test_system_calls() -> None:
    assert (ROOT / "docs/syscalls.md").read_text() == syscalls.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_decisions_are_listed() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    for page in folder.glob("[0-9]*.md"):
        assert f"({page.name})" in index
