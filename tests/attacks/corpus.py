"""Read, write and mutate the fuzzers' corpus: a file for each target, a line of hexadecimal digits for each input.

Each input reaches different code. `python -m attacks.fuzz_decoders --keep` adds the small inputs that it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

FOLDER = Path(__file__).parent / "corpus"
# Bytes at the borders of msgpack's types.
_INTERESTING = (0, 1, 15, 16, 31, 127, 128, 159, 160, 191, 192, 196, 202, 217, 220, 222, 254, 255)


def seeds(target: str) -> list[bytes]:
    return [bytes.fromhex(line) for line in (FOLDER / f"{target}.txt").read_text("ascii").splitlines()]


def write(target: str, inputs: list[bytes]) -> None:
    lines = sorted({each.hex() for each in inputs}, key=lambda line: (len(line), line))
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines), "ascii")


def mutated(target: str, count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` inputs: the seeds, then seeds that are changed, cut, doubled and mixed at random."""
    known = seeds(target)
    yield from known[:count]
    random = Random(seed)
    for _ in range(count - len(known)):
        data = bytearray(random.choice(known))
        for _ in range(random.randint(1, 8)):
            _mutate(data, random, known)
        yield bytes(data[:70_000])


def _mutate(data: bytearray, random: Random, known: list[bytes]) -> None:
    at, kind = random.randint(0, len(data)), random.randrange(6)
    if kind == 0:
        data[at : at + 1] = bytes([random.choice(_INTERESTING)])
    elif kind == 1:
        data[at : at + 1] = random.randbytes(1)
    elif kind == 2:
        data[at:at] = random.randbytes(random.randint(1, 9))
    elif kind == 3:
        del data[at : at + random.randint(1, 16)]
    elif kind == 4:
        data += data[at : at + 64]
    else:
        other = random.choice(known)
        start = random.randint(0, len(other))
        data[at:at] = other[start : start + random.randint(1, 40)]
