"""Stretto under an interactive shell: what stops the program stops Stretto, what continues it does, too."""

import os
import pty
import re
import select
import sys
import time
from collections.abc import Iterator

import pytest

PATIENCE = 60.0
# It says when it runs: bash leaves the terminal in its own mode (no echo) until shortly before.
CAT = "sh -c 'echo started; exec cat'"


class Shell:
    """An interactive bash on a terminal of its own."""

    def __init__(self) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environ = {**os.environ, "PS1": "ready> ", "TERM": "dumb"}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environ)
        self.seen = b""
        self.expect("ready> ")

    def type(self, text: str) -> None:
        """Types as a person would."""
        os.write(self.terminal, text.encode())

    def expect(self, pattern: str) -> None:
        """Reads until `pattern` is on the screen, and forgets everything up to its end."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern.encode(), self.seen)):
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} in {self.seen!r}"
            self.seen += os.read(self.terminal, 4096)
        self.seen = self.seen[found.end() :]

    def close(self) -> None:
        """Hangs up."""
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A shell that waits for a command."""
    shell = Shell()
    yield shell
    shell.close()


@pytest.mark.parametrize(
    "command", [CAT, *(f"{sys.executable} -m stretto run -n {n} -- {CAT}" for n in (1, 2, 3))]
)
def test_stop_and_continue_from_the_terminal(shell: Shell, command: str) -> None:
    shell.type(f"{command}\n")
    shell.expect(r"started\r\n")
    shell.type("first\n")
    shell.expect(r"first\r\nfirst\r\n")
    shell.type("\x1a")
    shell.expect(r"Stopped.*cat'\r\nready> ")
    shell.type("fg\n")
    shell.expect(r"fg\r\n.*cat'\r\n")
    shell.type("second\n")
    shell.expect(r"second\r\nsecond\r\n")
    shell.type("\x1a")
    shell.expect(r"Stopped.*cat'\r\nready> ")
    # In the background it stops again as soon as it reads from the terminal.
    shell.type("bg\n")
    shell.expect(r"cat' &\r\n")
    shell.type("wait %1\n")
    shell.expect(r"Stopped.*cat")
    shell.type("fg\n")
    shell.expect(r"fg\r\n.*cat'\r\n")
    shell.type("third\n")
    shell.expect(r"third\r\nthird\r\n")
    shell.type("\x03")
    shell.expect("ready> ")
    shell.type("echo status $?\n")
    shell.expect(r"status 130\r\n")


@pytest.mark.parametrize("variants", [1, 2])
def test_continuing_stretto_alone_continues_the_program(shell: Shell, variants: int) -> None:
    program = "sh -c 'kill -STOP $$; echo went on'"
    shell.type(f"{sys.executable} -m stretto run -n {variants} -- {program}\n")
    shell.expect(r"Stopped.*\r\nready> ")
    # A child of the shell, so that the signal does not go to the whole group.
    shell.type("/bin/kill -CONT $(jobs -p); wait\n")
    shell.expect(r"went on\r\n")
