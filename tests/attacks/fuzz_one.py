"""Fuzz one target in this process: `python -m attacks.fuzz_one TARGET [options of libFuzzer] CORPUS`."""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["matted", "matted_client"]):
    from attacks import decoders


def main() -> None:
    logging.disable()  # or every hello of thousands would be logged
    target = decoders.TARGETS[sys.argv[1]]()
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
