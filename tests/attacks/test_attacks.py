"""Attacks that work natively: stopped before their effect, or documented as not stopped."""

import json
import re
import signal
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.exploits import NOT_STOPPED, STOPPED, Attack, Effect
from tests.attacks.target import Target
from tests.support.compare import difference
from tests.support.runner import NATIVE, decoded, environment, fresh, guarded, run

VICTIMS = Path(__file__).parent / "victims"
#: As careless as a compiler lets one be; the errors are meant, so the warnings about them are off.
CARELESS = ("-O0", "-g", "-fno-stack-protector", "-D_FORTIFY_SOURCE=0", "-fcf-protection=none", "-w")
DIVERGENCE = 86
Build = Callable[[Attack], Path]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds a victim once for each set of flags."""
    base = tmp_path_factory.mktemp("victims")

    @cache
    def build_it(victim: str, flags: tuple[str, ...]) -> Path:
        program = base / f"{victim}{''.join(flags)}"
        command = ["gcc", *CARELESS, *flags, str(VICTIMS / f"{victim}.c"), "-o", str(program)]
        subprocess.run(command, check=True)
        return program

    return lambda attack: build_it(attack.victim, attack.flags)


class Result:
    """What an attack came to."""

    def __init__(self, attack: Attack, program: Path, base: Path, variants: int, *more: str) -> None:
        directory = fresh(base / "work")
        self.report_file = base / "report.json"
        self.report_file.unlink(missing_ok=True)
        options = ("--report", str(self.report_file), "--layout", attack.layout, *more)
        command = guarded([str(program)], variants, *options)
        with Target(command, program, directory, environment(directory)) as target:
            attack.exploit(target)
            self.status, self.stdout, self.stderr = target.finish()
            self.owned = (directory / "owned").exists()
            self.leaked = [hex(value) for value in numbers(self.stdout) if target.is_code(value)]

    def succeeded(self, attack: Attack) -> bool:
        """Whether the effect is there."""
        return self.owned if attack.effect is Effect.OWNED else bool(self.leaked)

    def __str__(self) -> str:
        return f"status {self.status}\n{decoded(self.stdout)}\n{decoded(self.stderr)}"


def numbers(output: bytes) -> set[int]:
    """Every number in an output, be it printed or as it lies in memory."""
    printed = {int(text, 16) for text in re.findall(rb"0x([0-9a-f]{6,16})", output)}
    return printed | {struct.unpack_from("<Q", output, at)[0] for at in range(len(output) - 7)}


@pytest.mark.parametrize("attack", (*STOPPED, *NOT_STOPPED), ids=lambda attack: attack.name)
def test_works_natively(attack: Attack, build: Build, tmp_path: Path) -> None:
    result = Result(attack, build(attack), tmp_path, NATIVE)
    assert result.succeeded(attack), f"{attack.effect.value}: no\n{result}"


@pytest.mark.parametrize("attack", STOPPED, ids=lambda attack: attack.name)
def test_is_stopped(attack: Attack, build: Build, tmp_path: Path) -> None:
    result = Result(attack, build(attack), tmp_path, 2)
    assert not result.succeeded(attack), f"{attack.effect.value}\n{result}"
    assert result.status == DIVERGENCE, str(result)
    assert result.report_file.exists(), str(result)
    report = json.loads(result.report_file.read_text())
    leader, follower = (variant["event"] for variant in report["variants"])
    assert leader.get("name") in attack.calls, summary(report)
    if attack.effect is Effect.LEAK:
        assert (report["kind"], report["call"]["name"], report["argument"]["name"]) == (
            "argument",
            "write",
            "buf",
        )
        assert follower["name"] == "write", summary(report)
    elif attack.layout == "disjoint-code":
        assert (follower["type"], follower["signal"]) == ("signal", signal.SIGSEGV), summary(report)


def summary(report: dict[str, Any]) -> str:
    """What a failing assertion shows of a report."""
    return f"{report['kind']}: {report['summary']}; events {[v['event'] for v in report['variants']]}"


@pytest.mark.parametrize("attack", NOT_STOPPED, ids=lambda attack: attack.name)
def test_is_not_stopped(attack: Attack, build: Build, tmp_path: Path) -> None:
    """A limit that users must know of: see README.md. If this fails, Stretto got better: move the row."""
    result = Result(attack, build(attack), tmp_path, 2)
    assert result.succeeded(attack), str(result)
    assert result.status == 0, str(result)
    assert not result.report_file.exists()


def test_a_variant_that_is_built_differently_stops_part_of_a_pointer(build: Build, tmp_path: Path) -> None:
    """What lies nearby is elsewhere in it. With harmless input the two are one program."""
    attack = next(attack for attack in NOT_STOPPED if attack.name == "partial-pointer")
    other = build(replace(attack, flags=("-Os",)))
    own = ("--variant", str(other))
    attacked = Result(attack, build(attack), tmp_path, 2, *own)
    assert not attacked.succeeded(attack), str(attacked)
    assert attacked.status == DIVERGENCE, str(attacked)
    served = Result(
        replace(attack, exploit=lambda target: target.say(b"Ada")), build(attack), tmp_path, 2, *own
    )
    assert (served.status, served.stdout.splitlines()[1:]) == (0, [b"you may not"]), str(served)


#: Input that a victim can digest, for those that are served by a line of text.
HARMLESS = {
    "return_address": b"Ada",
    "function_pointer": b"Ada",
    "got_entry": struct.pack("<qq", 3, 7) + b"Ada".ljust(64, b"\0"),
    "use_after_free": b"dd",
    "overread": bytes([3]) + b"Ada",
    "format_string": b"Ada\n",
    "admin_flag": b"Ada",
    "partial_pointer": b"Ada",
    "data_pointer": b"Ada",
}


@pytest.mark.parametrize("victim", HARMLESS)
def test_victims_work_with_harmless_input(victim: str, build: Build, tmp_path: Path) -> None:
    """They are stopped for the attack, not for what they are."""
    attack = next(attack for attack in (*STOPPED, *NOT_STOPPED) if attack.victim == victim)
    runs = []
    for variants in (NATIVE, 2):
        outcome = run(
            [str(build(attack))], fresh(tmp_path / "work"), variants=variants, stdin=HARMLESS[victim]
        )
        runs.append(replace(outcome, stdout=re.sub(rb"pid \d+", b"pid N", outcome.stdout)))
    found = difference(*runs)
    assert not found, found
