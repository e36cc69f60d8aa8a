"""What becomes of the figures of several rounds."""

import statistics
from collections.abc import Sequence
from typing import Any


def ratio(rounds: Sequence[Any], name: str) -> float:
    """The median of the rounds' own ratios; `tier2_to_native` is a round's `tier2` divided by its `native`.

    Both were measured at about the same time, so that what else the machine does concerns both.
    """
    above, _, below = name.partition("_to_")
    ratios: list[float] = [getattr(times, above) / getattr(times, below) for times in rounds]
    return statistics.median(ratios)
