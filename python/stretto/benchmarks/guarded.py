"""A program under Stretto with one mode for all calls: `python -m stretto.benchmarks.guarded N MODE PROGRAM`.

No preset has a query in lockstep. The calls that `balanced` handles inside the variants are all given MODE,
so that rows of the benchmark differ in nothing else. Settings are the defaults, whatever stands in this
directory's.
"""

import sys

from .. import policy
from ..config import Config
from ..errors import StrettoError
from ..plan import Plan
from ..result import start


def uniform(compiled: bytes, mode: str) -> bytes:
    """A compiled policy in which every call that is made without the monitor has this mode."""
    chosen = policy.NAMES.index(mode)
    seen = (policy.MONITORED, policy.APPROVED)
    return bytes(own if own in seen else chosen for own in compiled)


def main(argv: list[str]) -> int:
    """Runs the program; says in one line what went wrong."""
    from .._core import policy as compiled

    variants, mode, *command = argv
    config = Config()
    config.variants = int(variants)
    try:
        plan = Plan(command, config)
        plan.policy = uniform(compiled("balanced"), mode)
        result = start(plan)
    except StrettoError as error:
        print(error, file=sys.stderr)
        return int(error.code)
    if result.has_diverged:
        print("the variants diverged", file=sys.stderr)
    elif result.error:
        print(result.error, file=sys.stderr)
    return result.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
