"""Attacks a small service, natively and under Stretto.

The service has a real memory error, the exploit really overwrites a function pointer. Natively the attacker's
command runs in the service; under Stretto the service answers normal requests, and the exploit is stopped.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..config import load
from ..errors import ExitCode, StrettoError, printable
from ..parser import Parser, add_run_options, given

SOURCE = Path(__file__).parents[1] / "demo" / "service.c"
#: Without optimisation and stack protector: the compiler must not repair or diagnose the error.
CC_FLAGS = ("-O0", "-g", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-fPIE", "-pie")
OPTIONS = ("variants", "layout", "report", "force", "color")


def main(argv: list[str]) -> int:
    """Shows both runs; exit code 0 if the exploit worked natively and was stopped by Stretto."""
    parser = Parser("demo", __doc__)
    add_run_options(parser, OPTIONS)
    arguments = parser.parse_args(argv)
    settings = given(arguments)
    config = load(settings, os.devnull, {})
    with tempfile.TemporaryDirectory(prefix="stretto-demo-") as folder:
        service = _build(Path(folder))
        print("\n1. The service natively")
        native, _ = _visit([str(service), "0"])
        print(f"\n2. The service as {config.variants} variants under Stretto")
        flags = [f"--{name}={value}" for name, value in settings.items() if name != "force"]
        flags += ["--force"] if config.force else []
        stretto = [sys.executable, "-m", "stretto", "run", f"--config={os.devnull}", *flags, "--"]
        guarded, status = _visit([*stretto, str(service), "0"])
    return _verdict(native, guarded, status)


def _build(folder: Path) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise StrettoError(
            "demo: no C compiler to build the service with; on Debian: apt-get install gcc libc6-dev"
        )
    service = folder / "service"
    command = [compiler, *CC_FLAGS, "-o", str(service), str(SOURCE)]
    print(f"Building {SOURCE}: {Path(compiler).name} {' '.join(CC_FLAGS)}")
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0:
        lines = [line for line in built.stderr.splitlines() if "error" in line] or ["compiler failed"]
        raise StrettoError(f"demo: the service can't be built: {lines[0]}")
    return service


def _visit(command: list[str]) -> tuple[str, int]:
    """Starts the service, sends the normal request and the exploit; the exploit's answer and exit status."""
    from ..demo.exploit import COMMAND, play

    with _serving(command) as (process, port):
        greeting = play(port, attack=False)
        print(f"   normal request   {printable(greeting) or 'no answer'}")
        if not greeting.startswith("Hello, Ada."):
            raise StrettoError("demo: the service does not answer a normal request")
        sys.stdout.flush()
        answer = play(port, attack=True)
        shown = f"the attacker's command `{COMMAND}` ran: {printable(answer)}" if answer else "no answer"
        if not answer:
            _await(process)  # the report is on standard error by then
        print(f"   exploit          {shown}")
        sys.stdout.flush()
        return answer, process.poll() or 0


def _await(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        raise StrettoError("demo: the service neither answers nor ends") from None


@contextmanager
def _serving(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != "port":
            _await(process)
            raise StrettoError(f"demo: the service did not start (exit status {process.returncode})")
        yield process, int(words[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _verdict(native: str, guarded: str, status: int) -> int:
    if not native:
        raise StrettoError("demo: the exploit does not work natively here, so there is nothing to stop")
    if guarded or status != ExitCode.DIVERGENCE:
        raise StrettoError(f"demo: Stretto did not stop the exploit as a divergence (exit status {status})")
    print(
        "\nNatively the exploit took over the service; under Stretto it was stopped before it had an effect."
    )
    return ExitCode.OK
