"""A program under Stretto with signals injected: `python -m tests.robustness.injected SETTINGS PROGRAM...`.

SETTINGS is a JSON object: `variants`, `policy` (a preset, or `lockstep`: no call that is made in the process
goes ahead), `log`, and `injection`, which is the plan's.
"""

import json
import sys

from stretto import _core
from stretto.benchmarks.guarded import uniform
from stretto.config import Config
from stretto.plan import Plan
from stretto.result import start

LOCKSTEP = "lockstep"


def main(argv: list[str]) -> int:
    """Runs the program; its status is this one's."""
    settings = json.loads(argv[0])
    config = Config()
    config.variants = settings["variants"]
    config.patch_after = 1
    config.timeout = 20
    plan = Plan(argv[1:], config)
    if settings["policy"] == LOCKSTEP:
        plan.policy = uniform(_core.policy("balanced"), LOCKSTEP)
    else:
        plan.policy = settings["policy"]
    plan.injection = settings["injection"]
    result = start(plan, log=settings["log"])
    if result.has_diverged:
        print(result.report(), file=sys.stderr)
    elif result.error:
        print(result.error, file=sys.stderr)
    return result.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
