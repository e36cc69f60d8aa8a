"""What `stretto doctor` says, on this machine and where something is missing."""

import json

import pytest

from stretto import probes
from stretto.__main__ import main
from stretto.commands import doctor
from stretto.commands.doctor import CHECKS, Check


def missing() -> str:
    raise probes.Missing("kernel said no")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_probes_end_without_a_trace(check: Check, capfd: pytest.CaptureFixture[str]) -> None:
    finding = doctor.examine(check)
    assert finding.status in ("ok", "missing")
    assert finding.detail
    assert check.cost
    assert check.remedy
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("needed", [True, False])
def test_missing_things_are_explained(
    needed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "CHECKS", (Check("thing", missing, needed, "nothing works", "buy one"),))
    assert main(["doctor"]) == (125 if needed else 0)
    out = capsys.readouterr().out
    assert "kernel said no" in out
    assert "costs: nothing works" in out
    assert "get it: buy one" in out
    assert main(["doctor", "--json"]) == (125 if needed else 0)
    document = json.loads(capsys.readouterr().out)
    assert document["able"] is not needed
    assert document["checks"][0]["status"] == "missing"
