"""Fuzz the decoders with atheris, guided by coverage: `make fuzz`.

    python -m attacks.fuzz_decoders [--runs 300000] [--keep]

Every target runs in a process of its own. It fails at the first exception that a decoder must not raise, at an input
that takes longer than 5 s, and when the process takes more than 1 GB; libFuzzer then prints the input. With --keep the
small inputs that reached new code are added to the corpus.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from attacks import corpus

MAX_INPUT = 2048  # bytes; limits that need longer inputs have tests in test_bad_messages.py
KEPT_BYTES = 200  # the longest input that --keep adds
_LIMITS = [f"-max_len={MAX_INPUT}", "-timeout=5", "-rss_limit_mb=1000", "-print_final_stats=1"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=300_000, help="inputs for each target")
    parser.add_argument("--keep", action="store_true", help="add inputs that reached new code to the corpus")
    parser.add_argument("--target", help="only this target")
    options = parser.parse_args()
    targets = [options.target] if options.target else ["unpack", "messages", "dealer", "service", "zap"]
    total = 0
    for target in targets:
        with tempfile.TemporaryDirectory(prefix="matted-fuzz-") as folder:
            runs = fuzz(target, options.runs, Path(folder), options.keep)
        if runs is None:
            return 1
        total += runs
    print(f"{total:,} inputs, and every decoder kept its promises")
    return 0


def fuzz(target: str, runs: int, folder: Path, keep: bool) -> int | None:
    """Fuzz one target. Returns how many inputs were tried, None if one of them failed."""
    found = folder / "found"
    found.mkdir()
    for each in corpus.seeds(target):
        (found / sha256(each).hexdigest()[:16]).write_bytes(each)
    start = time.monotonic()
    done = _atheris(target, f"-runs={runs}", f"-artifact_prefix={folder}/", *_LIMITS, str(found))
    if done.returncode:
        print(f"{target}: broken\n{done.stderr[-4000:]}")
        return None
    tried = int(re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)[0])
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", done.stderr)[-1]
    print(
        f"{target}: {tried:,} inputs in {time.monotonic() - start:.0f} s, coverage {coverage[0]}, features"
        f" {coverage[1]}, {len(list(found.iterdir()))} inputs reach different code",
        flush=True,
    )
    if keep:
        corpus.write(target, [each.read_bytes() for each in found.iterdir() if each.stat().st_size <= KEPT_BYTES])
    return tried


def _atheris(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attacks.fuzz_one", target, *arguments]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")


if __name__ == "__main__":
    sys.exit(main())
