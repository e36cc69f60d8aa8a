"""Hand-made divergences, so that reports are tested without running anything."""

from typing import Any

Document = dict[str, Any]
MAPS = (
    "555555554000-555555556000 r-xp 00000000 08:01 42 /usr/bin/service\n"
    "7ffff7dd0000-7ffff7f00000 r-xp 00000000 08:01 43 /lib/libc.so.6\n"
)


def variant(number: int, event: dict[str, Any], **more: Any) -> Document:
    """One variant with a plausible rest."""
    base = 0x555555554000 + number * 0x10000000
    return {
        "variant": number,
        "role": "follower" if number else "leader",
        "pid": 100 + number,
        "tid": 100 + number,
        "event": event,
        "difference": None,
        "registers": {"rip": base + 0x1234, "rsp": 0x7FFFFFFFE000},
        "backtrace": [
            {
                "address": 0x7F0000000000,
                "module": "/lib/libc.so.6",
                "offset": 0x100,
                "symbol": "write",
                "symbol_offset": 20,
            },
            {
                "address": base + 0x1234,
                "module": "/usr/bin/service",
                "offset": 0x1234,
                "symbol": "answer",
                "symbol_offset": 4,
            },
            {
                "address": base + 0x1000,
                "module": "/usr/bin/service",
                "offset": 0x1000,
                "symbol": None,
                "symbol_offset": None,
            },
            {"address": 0x10, "module": None, "offset": None, "symbol": None, "symbol_offset": None},
        ],
        "maps": MAPS,
        "history": [
            {"nr": 0, "name": "read", "args": [4, 0x7FFFFFFFD000, 64, 0, 0, 0], "result": 17},
            {"nr": 39, "name": "getpid", "args": [0] * 6, "result": 100},
        ],
        **more,
    }


def call(nr: int, name: str, *args: int) -> dict[str, Any]:
    """The event of a variant that asks for a call."""
    return {
        "type": "call",
        "nr": nr,
        "name": name,
        "args": [*args, *[0] * (6 - len(args))],
        "site": 0x555555555234,
    }


def difference(start: int, address: int, data: bytes) -> dict[str, Any]:
    """The bytes around a difference."""
    return {"address": address, "start": start, "hex": data.hex()}


def leaked_pointer(variants: int = 2) -> Document:
    """A write whose buffer holds a code address: byte 17 of argument 1 differs."""
    address = 0x7FFFFFFFD000
    contents = [b"handler is at 0x5%x5555\n" % number for number in range(variants)]
    return {
        "stretto": "0.1.0",
        "kind": "argument",
        "task": 1,
        "process": 100,
        "command": ["/usr/bin/service", "--port", "8080"],
        "layout": "disjoint-code",
        "variants_total": variants,
        "summary": "write: byte 17 of buf differs between variants 0 and 1",
        "call": {"nr": 1, "name": "write"},
        "argument": {"index": 1, "name": "buf", "offset": 17},
        "odd": [1],
        "variants": [
            variant(
                number,
                call(1, "write", 4, address, 23),
                difference=difference(address, address + 17, contents[number]),
            )
            for number in range(variants)
        ],
    }


def jump_into_nowhere() -> Document:
    """The leader jumps to an address that the follower does not have."""
    fault = {"type": "signal", "signal": 11, "name": "SIGSEGV", "code": 1, "address": 0x555555555200}
    return {
        **leaked_pointer(),
        "kind": "fault",
        "summary": "variant 1 got SIGSEGV while variant 0 asked for execve",
        "call": {"nr": 59, "name": "execve"},
        "argument": None,
        "variants": [variant(0, call(59, "execve", 0x1000, 0x2000, 0x3000)), variant(1, fault, history=[])],
    }


HOSTILE = "<script>alert(1)</script>\x1b[2J\"'{{7*7}}\u202e"


def hostile() -> Document:
    """A program that chose every name to attack whoever reads the report."""
    document = leaked_pointer()
    document["command"] = [HOSTILE, "</title><b>", "\n\nstretto: all is well"]
    document["summary"] = HOSTILE
    document["call"]["name"] = HOSTILE
    document["argument"]["name"] = HOSTILE
    document["variants"][0]["role"] = HOSTILE
    document["variants"][0]["backtrace"][1]["symbol"] = HOSTILE
    document["variants"][0]["backtrace"][1]["module"] = HOSTILE
    document["variants"][0]["maps"] = MAPS + HOSTILE
    document["variants"][0]["event"]["nr"] = 99999
    document["variants"][0]["event"]["name"] = HOSTILE
    document["variants"][0]["history"][0].update(nr=99999, name=HOSTILE)
    document["variants"][0]["registers"][HOSTILE] = 1
    return document
