"""The demo's native half: the error is real, and so is the exploit."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.__main__ import main
from stretto.commands.demo import _build
from stretto.demo.exploit import play

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture
def port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[int]:
    """A service that runs natively."""
    with subprocess.Popen([_build(tmp_path), "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[1])
        process.kill()


@needs_compiler
def test_exploit_works_natively(port: int) -> None:
    identity = subprocess.run(["id"], capture_output=True, text=True, check=True).stdout.strip()
    assert play(port, attack=False) == "Hello, Ada. You are visitor 1."
    assert play(port, attack=True) == identity
    assert play(port, attack=False) == "Hello, Ada. You are visitor 2."


def test_missing_compiler_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert main(["demo"]) == 125
    assert "no C compiler to build the service with" in capsys.readouterr().err
