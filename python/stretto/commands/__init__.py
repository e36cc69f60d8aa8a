"""The commands, one module each, imported only when it is the one asked for.

A command module has a docstring, which is its help, and `main(argv: list[str]) -> int`, which makes its
parser with `stretto.parser.Parser` and returns the exit code.
"""

#: name -> what `stretto --help` says
COMMANDS = {
    "run": "run a program as variants in lockstep",
    "demo": "attack a small service, natively and under Stretto",
    "doctor": "check what this kernel and container allow",
    "report": "show a saved divergence as text, HTML or JSON",
    "syscalls": "describe how each system call is compared and replicated",
    "bench": "measure the cost, as ratios to native",
    "completion": "print a completion script for bash, zsh or fish",
}
