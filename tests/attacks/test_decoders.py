"""Each decoder with its corpus and mutations of it; `make fuzz` does the same for longer, guided by coverage."""

from __future__ import annotations

import pytest
from attacks import corpus, decoders

COUNT = 4000
SEED = 1  # another number, other mutations


@pytest.mark.parametrize("target", decoders.TARGETS)
def test_a_decoder_keeps_its_promises_whatever_comes(target: str) -> None:
    check = decoders.TARGETS[target]()
    assert len(corpus.seeds(target)) >= 5
    for data in corpus.mutated(target, COUNT, SEED):
        try:
            check(data)
        except BaseException:
            print(f"the input was {data.hex()}")
            raise
