"""The files that rows read: the same bytes on every machine."""

import random
import shutil
from pathlib import Path

BIG = 100_000_000
#: 49 hexadecimal digits and a newline: two million lines to sort.
LINE = 50


def make_small(directory: Path) -> None:
    """A tree of text files, a list of words, a table, a log, and the source of a guest."""
    shutil.copy(Path(__file__).parent / "guest.c", directory)
    rng = random.Random(20)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 9))) for _ in range(4000)]
    (directory / "words.txt").write_text("\n".join(words) + "\n")
    for branch in range(12):
        for leaf in range(10):
            path = directory / "tree" / f"branch-{branch % 4}" / f"twig-{branch}" / f"leaf {leaf}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [" ".join(rng.choices(words, k=8)) for _ in range(rng.randint(1, 80))]
            path.write_text("\n".join(lines) + "\n")
    (directory / "tree" / "link").symlink_to("branch-0/twig-0")
    rows = [
        f"{n},{rng.choice(words)},{rng.randint(0, 9999)},{rng.choice(['red', 'green', 'blue'])}"
        for n in range(5000)
    ]
    (directory / "table.csv").write_text("id,word,amount,colour\n" + "\n".join(rows) + "\n")
    log = [
        f"10.0.{rng.randint(0, 3)}.{rng.randint(1, 9)} GET /{rng.choice(words)} {rng.choice([200, 200, 404])}"
        for _ in range(5000)
    ]
    (directory / "access.log").write_text("\n".join(log) + "\n")
    (directory / "noise.bin").write_bytes(rng.randbytes(300_000))


def make_big(path: Path) -> None:
    """A file of 100 MB in lines of hexadecimal digits."""
    rng = random.Random(100)
    with path.open("w") as file:
        for _ in range(20):
            digits = rng.randbytes(BIG // 40).hex()
            file.writelines(digits[at : at + LINE - 1] + "\n" for at in range(0, len(digits), LINE))
