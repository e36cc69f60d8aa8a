"""Reports of hand-made divergences: what they say, how they are drawn, and that nothing escapes from them."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples

from stretto.__main__ import main
from stretto.commands.report import load
from stretto.errors import StrettoError
from stretto.reporters import render
from stretto.reporters.text import render_text
from stretto.reporters.view import view

ALL = [samples.leaked_pointer(), samples.leaked_pointer(3), samples.jump_into_nowhere(), samples.hostile()]


def test_first_lines_say_what_happened() -> None:
    text = render_text(samples.leaked_pointer(), width=100)
    lines = text.splitlines()
    assert lines[0] == "DIVERGENCE write: byte 17 of buf differs between variants 0 and 1"
    for words in (
        "/usr/bin/service --port 8080",
        "write (call 1)",
        "argument 1 (buf), byte 17",
        "at answer+0x4",
    ):
        assert words in "\n".join(lines[:12])
    assert "0x30 '0' in variant 0, 0x31 '1' in variant 1" in text


def test_hexdump_is_aligned_at_the_difference() -> None:
    shown = view(samples.leaked_pointer())
    first, second = shown.hexdump
    assert (first.label, second.label) == ("0000", "0010")
    assert not any(byte.differs for variant in first.bytes for byte in variant)
    assert [byte.differs for byte in second.bytes[0]] == [False, True, *[False] * 14]
    assert [variant[1].hex for variant in second.bytes] == ["30", "31"]
    assert second.bytes[0][1].first


def test_hexdump_of_windows_that_start_apart() -> None:
    document = samples.leaked_pointer()
    shorter = document["variants"][1]["difference"]
    shorter["start"] += 8
    shorter["hex"] = shorter["hex"][16:]
    shown = view(document)
    assert shown.hexdump[0].bytes[1][0].value is None
    assert shown.hexdump[1].bytes[1][1].hex == "31"


def test_wide_terminals_show_variants_beside_each_other() -> None:
    wide = render_text(samples.leaked_pointer(), width=160)
    narrow = render_text(samples.leaked_pointer(), width=80)
    assert re.search(r"^0010  35 30 .*\|505555\. .*\| 35 31", wide, re.MULTILINE)
    assert re.search(r"^0010  0 35 30 .*\n {6}1 35 31", narrow, re.MULTILINE)
    assert max(map(len, narrow.splitlines())) <= 80


@pytest.mark.parametrize("height", [24, 30, 60])
def test_fits_the_terminal(height: int) -> None:
    document = samples.leaked_pointer()
    for variant in document["variants"]:
        variant["history"] *= 32
        variant["backtrace"] *= 10
    text = render_text(document, width=120, height=height)
    assert text.count("\n") < height
    assert "recorded calls" in text


def test_history_is_aligned_with_the_leaders() -> None:
    document = samples.leaked_pointer(3)
    first, second = document["variants"][0]["history"]
    document["variants"][1]["history"] = [second, {**second, "nr": 102, "name": "getuid"}]
    document["variants"][2]["history"] = []
    rows = view(document).history
    assert [[cell.split("(")[0] for cell in row.cells] for row in rows] == [
        ["read", "", ""],
        ["getpid", "getpid", ""],
        ["", "getuid", ""],
    ]
    assert not any(row.same for row in rows)
    assert all(row.same for row in view(samples.leaked_pointer()).history)
    assert first["name"] == "read"


def test_a_fault_at_code_of_another_variant_is_explained() -> None:
    document = samples.jump_into_nowhere()
    document["variants"][1]["maps"] = ""
    words = "got SIGSEGV at address 0x555555555200, which is service+0x1200 in variant 0 only"
    assert view(document).variants[1].asked == words
    assert view(document).variants[0].site == "service+0x1234"


def test_maps_only_on_request() -> None:
    assert "r-xp" not in render(samples.leaked_pointer(), "text")
    assert render(samples.leaked_pointer(), "text", maps=True).count("r-xp") == 4


def test_colour_only_on_request() -> None:
    assert "\x1b" not in render_text(samples.leaked_pointer())
    assert "\x1b[" in render_text(samples.leaked_pointer(), color=True)


@pytest.mark.parametrize(
    "kind", ["call", "argument", "result", "signal", "fault", "death", "timeout", "new kind"]
)
@pytest.mark.parametrize(
    "event", [{"type": "exit", "status": 3}, {"type": "missing"}, {"type": "what"}, None]
)
def test_sparse_documents_are_shown(kind: str, event: object) -> None:
    document = {"kind": kind, "variants": [{"variant": 0, "event": event}]}
    for format in ("text", "html", "json"):
        assert kind in render(document, format)
    assert render({"variants": []}, "text")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "signal", "signal": 11, "address": 4096}, "got SIGSEGV at address 0x1000"),
        ({"type": "signal", "signal": 40, "name": None}, "got signal 40"),
        ({"type": "death", "signal": 9}, "was ended by SIGKILL"),
        ({"type": "result", "nr": 12, "name": "brk", "result": 65536}, "brk gave 0x10000"),
        ({"type": "timestamp", "site": 16}, "read the time stamp"),
        ({"type": "exit", "status": 3}, "ended with status 3"),
        ({"type": "missing"}, "did not arrive"),
    ],
)
def test_what_a_variant_did(event: dict[str, object], words: str) -> None:
    assert view({"variants": [{"variant": 0, "event": event}]}).variants[0].asked == words


def test_json_is_the_document() -> None:
    for document in ALL:
        assert json.loads(render(document, "json")) == document


def test_hostile_names_in_text() -> None:
    text = render(samples.hostile(), "text", maps=True)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("stretto:") for line in text.splitlines())
    assert "\\x1b[2J" in text


class Page(HTMLParser):
    """Collects elements and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("document", ALL)
def test_page_is_self_contained(document: samples.Document) -> None:
    html = render(document, "html")
    page = Page()
    page.feed(html)
    assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert page.tags.count("b") == html.count("<b>odd</b>")
    assert not any(name in ("src", "href") or name.startswith("on") for name, _ in page.attributes)
    assert "prefers-color-scheme: dark" in html
    assert "default-src 'none'" in html


def test_hostile_names_in_the_page() -> None:
    html = render(samples.hostile(), "html")
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    assert "{{7*7}}" in html


def test_page_says_version_and_command() -> None:
    html = render(samples.leaked_pointer(), "html")
    assert "/usr/bin/service --port 8080" in html
    assert "Stretto 0.1.0" in html


def test_format_must_be_known() -> None:
    with pytest.raises(ValueError, match="text, html or json"):
        render(samples.leaked_pointer(), "pdf")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of events with two divergences, one inside its event, one spread over it."""
    lines = [
        {"event": "start", "time": 0.0},
        {"event": "divergence", "time": 0.5, "report": samples.leaked_pointer()},
        {"event": "divergence", "time": 0.6, **samples.jump_into_nowhere()},
        {"event": "end", "time": 1.0},
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_report_of_a_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(log)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("DIVERGENCE write: byte 17")
    assert out.endswith("divergence 1 of 2; --list shows all, --number K another one\n")
    assert main(["report", "--list", str(log)]) == 0
    assert (
        capsys.readouterr().out.splitlines()[1]
        == "  2  fault     variant 1 got SIGSEGV while variant 0 asked for execve"
    )
    assert main(["report", "--json", "--number", "2", str(log)]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "fault"
    assert main(["report", "--number", "3", str(log)]) == 125
    assert capsys.readouterr().err == "stretto: --number must be 1 to 2, got 3\n"


def test_report_of_a_directory(tmp_path: Path) -> None:
    with pytest.raises(StrettoError, match="no reports in this directory"):
        load(str(tmp_path))
    for number, document in enumerate(ALL):
        (tmp_path / f"divergence-100-{number}.json").write_text(render(document, "json"))
    assert load(str(tmp_path)) == ALL


def test_page_is_not_overwritten_unless_forced(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main(["report", "--html", str(out), str(log)]) == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert main(["report", "--html", str(out), str(log)]) == 125
    assert "--force overwrites" in capsys.readouterr().err
    assert main(["report", "--force", "--html", str(out), str(log)]) == 0
