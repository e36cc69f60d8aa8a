"""Where settings come from, which one wins, and how errors name the place."""

import os
from pathlib import Path

import pytest

from stretto.config import Config, find, load
from stretto.errors import ExitCode, StrettoError
from stretto.options import OPTIONS, Option


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def failure(**sources: object) -> str:
    """The message of the error that these sources lead to."""
    with pytest.raises(StrettoError) as caught:
        load(**{"flags": {}, "environ": {}, **sources})  # type: ignore[arg-type]
    assert caught.value.code == ExitCode.FAILED
    return str(caught.value)


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    config = load({}, environ={})
    assert (config.variants, config.layout, config.on_divergence) == (2, "disjoint-code", "kill")
    assert config.origin == {}


def test_later_sources_win(tmp_path: Path) -> None:
    write(tmp_path / "stretto.toml", 'variants = 3\nlayout = "disjoint"\ntimeout = 5\n')
    config = load({"timeout": "7.5"}, environ={"STRETTO_LAYOUT": "disjoint-code", "STRETTO_TIMEOUT": "6"})
    assert (config.variants, config.layout, config.timeout) == (3, "disjoint-code", 7.5)
    assert config.origin == {"variants": "stretto.toml:1", "layout": "STRETTO_LAYOUT", "timeout": "--timeout"}


SAMPLES: dict[str, tuple[object, str]] = {
    "integer": (4, "4"),
    "number": (2.5, "2.5"),
    "switch": (True, "yes"),
    "path": ("/tmp/x", "/tmp/x"),
    "list": (["/a", "/b"], "/a:/b"),
}


def sample(option: Option) -> tuple[object, str]:
    return (option.choices[-1], option.choices[-1]) if option.choices else SAMPLES[option.kind]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_settable_everywhere(option: Option, tmp_path: Path) -> None:
    from stretto.parser import Parser, add_run_options, given

    value, text = sample(option)
    more = {} if option.name == "variants" else {"STRETTO_VARIANTS": "4"}
    toml = {True: "true"}.get(value, repr(value)) if not isinstance(value, list) else repr(value)  # type: ignore[call-overload]
    path = write(tmp_path / "own.toml", f"{option.name} = {toml}\n")
    from_file = load({}, path, more)
    from_environment = load({}, environ={**more, option.variable: text})
    parser = Parser("run", None)
    add_run_options(parser)
    flags = [option.flags[-1]] if value is True else []
    for entry in value if isinstance(value, list) else [text] if value is not True else []:
        flags += [option.flags[-1], entry]
    from_flags = load(given(parser.parse_args(flags)), environ=more)
    for config in (from_file, from_environment, from_flags):
        assert getattr(config, option.attribute) == value


@pytest.mark.parametrize("number", [0, 9, -1])
def test_number_of_variants(number: int, tmp_path: Path) -> None:
    write(tmp_path / "stretto.toml", f'layout = "disjoint"\n\nvariants = {number}\n')
    assert failure() == f"stretto.toml:3: variants must be 1 to 8, got {number}"
    assert failure(flags={"variants": str(number)}) != ""


def test_flag_and_variable_are_named() -> None:
    assert failure(flags={"variants": "two"}) == "--variants: variants must be 1 to 8, got 'two'"
    assert (
        failure(environ={"STRETTO_TIMEOUT": "nan"}) == "STRETTO_TIMEOUT: timeout must be 0 to 86400, got nan"
    )
    message = "STRETTO_LAYOUT: layout must be disjoint-code or disjoint, got 'odd'"
    assert failure(environ={"STRETTO_LAYOUT": "odd"}) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants = ", "stretto.toml: Invalid value"),
        ("\n\nvariants = [1", "stretto.toml: Unclosed array"),
        ("varients = 2", "stretto.toml:1: unknown option 'varients', did you mean 'variants'?"),
        (
            "on_divergence = 'kill'",
            "stretto.toml:1: unknown option 'on_divergence', did you mean 'on-divergence'?",
        ),
        ("[run]\nvariants = 2", "stretto.toml:1: unknown option 'run'"),
        ("variants = '2'", "stretto.toml:1: variants must be 1 to 8, got '2'"),
        ("variants = true", "stretto.toml:1: variants must be 1 to 8, got True"),
        ("maps = 'yes'", "stretto.toml:1: maps must be true or false, got 'yes'"),
        ("syscalls = [1]", "stretto.toml:1: syscalls must be a list of texts, got [1]"),
    ],
)
def test_malformed_file(text: str, message: str, tmp_path: Path) -> None:
    write(tmp_path / "stretto.toml", text)
    assert failure().startswith(message)


def test_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "stretto.toml").write_bytes(b"\xff\xfe")
    assert failure() == f"{tmp_path}/stretto.toml: not UTF-8"
    assert failure(file="missing.toml") == "missing.toml: No such file or directory"


def test_file_is_found_upwards_and_its_paths_are_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "stretto.toml", 'log = "events.jsonl"\nvariant = ["1=bin/other"]\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    config = load({}, environ={})
    assert find(os.getcwd()) == str(tmp_path / "stretto.toml")
    assert config.log == str(tmp_path / "events.jsonl")
    assert config.variant_paths == {1: str(tmp_path / "bin/other")}


def test_variable_names_the_file(tmp_path: Path) -> None:
    write(tmp_path / "stretto.toml", "variants = 9")
    assert load({}, environ={"STRETTO_CONFIG": "/dev/null"}).variants == 2


def test_binaries_of_variants() -> None:
    flags = {"variants": "4", "variant": ["/a", "3=/c", "/b"]}
    assert load(flags, environ={}).variant_paths == {1: "/a", 3: "/c", 2: "/b"}  # type: ignore[arg-type]
    assert failure(flags={"variant": ["2=/a"]}) == "--variant: there is no variant 2 when variants is 2"
    assert failure(flags={"variant": ["/a", "1=/b"]}) == "--variant: variant 1 is given twice"


def test_every_attribute_is_declared() -> None:
    assert {option.attribute for option in OPTIONS} == set(Config.__annotations__)


def test_hot_sites_are_remembered_where_it_is_wanted(tmp_path: Path) -> None:
    def place(wanted: str, **environ: str) -> str | None:
        return load({"hot-sites": wanted}, environ={}).hot_sites_directory(environ)

    assert load({}, environ={}).hot_sites_directory({"HOME": "/h"}) is None
    assert place("none", HOME="/h") is None
    assert place("auto", HOME="/h") == "/h/.cache/stretto/sites"
    assert place("auto", HOME="/h", XDG_CACHE_HOME="/c") == "/c/stretto/sites"
    assert place("auto", HOME="/h", XDG_CACHE_HOME="relative") == "/h/.cache/stretto/sites"
    assert place("auto") is None
    assert place("here", HOME="/h") == str(tmp_path / "here")
    own = write(tmp_path / "own.toml", 'hot-sites = "none"\n')
    assert load({}, own, {}).hot_sites_directory({"HOME": "/h"}) is None
