"""Write docs/hosts.md from what the tests saw in GIMP and Krita.

    python -m hosts.table ARTEFACTS     (in tests/, after `make test-hosts`, which does it too)

ARTEFACTS is the folder that MATTED_TEST_ARTEFACTS named. Nothing is written unless the tests saw every kind of layer in
every version of both hosts.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hosts import seen
from hosts.gimp import kinds as gimp
from hosts.krita import kinds as krita
from hosts.seen import MASK, Row

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "hosts.md"
KINDS = {"GIMP": gimp, "Krita": krita}
WORDS = {
    "U8": "8-bit integer",
    "U16": "16-bit integer",
    "U32": "32-bit integer",
    "HALF": "16-bit float",
    "F16": "16-bit float",
    "FLOAT": "32-bit float",
    "F32": "32-bit float",
    "DOUBLE": "64-bit float",
    "RGBA": "RGB",
    "GRAY": "grey",
    "GRAYA": "grey",
    "INDEXED": "indexed",
    "CMYKA": "CMYK",
    "LABA": "L\\*a\\*b\\*",
    "XYZA": "XYZ",
    "YCbCrA": "YCbCr",
}
HEAD = """# Layers, and what a click makes of them

`make test-hosts` writes this page from what its tests saw in the real programs: they made each kind of layer there and
removed its background. **The mask** means: the layer's mask is byte for byte the daemon's answer for what the layer
shows, in sRGB as the host itself converts it, for the whole layer, also outside the canvas; and no pixel of the picture
has changed. Any other text is the sentence that tells the user why there is no mask; then nothing has changed.
"""
NOTES = {
    "GIMP": """
GIMP keeps a mask in the precision of its picture, so the plug-in requests masks of 16 bits wherever they fit. A half
float keeps 11 of them.
""",
    "Krita": """
Krita keeps masks in 8 bits, whatever the precision of the picture.
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hosts.table", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("artefacts", type=Path)
    rows = set(seen.read(parser.parse_args().artefacts))
    required = {*gimp.rows(), *krita.rows()}
    if rows != required:
        lacks = [f"missing: {row}" for row in sorted(required - rows)]
        lacks += [f"unexpected: {row}" for row in sorted(rows - required)]
        raise SystemExit("\n".join(["The tests did not see all that they have to see.", *lacks]))
    DOCUMENT.write_text(document(rows), "utf-8")


def document(rows: Iterable[Row]) -> str:
    """Return the page in Markdown. The order of the rows does not matter."""
    parts = [HEAD]
    together = sorted(rows)
    for host, note in NOTES.items():
        of_host = [row for row in together if row.host == host]
        *versions, newest = sorted({row.version for row in of_host})
        parts += [f"## {host} {', '.join(versions)} and {newest}", note]
        parts += ["### Colours and precision\n", _table(("colours", "precision", "a click gives"), _colours(of_host))]
        parts += ["### Kinds of layers\n", _tried_in(of_host)]
        parts += [_table(("layer", "a click gives", ""), _kinds(of_host))]
    return "\n".join(parts)


def _colours(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the table of a plain layer. Modes and precisions with the same outcome share a line."""
    host = KINDS[rows[0].host]
    plain = [row for row in rows if row.kind == host.LAYER]
    precisions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mode, precision in [*host.MODES, *host.IMPOSSIBLE_MODES]:
        outcome = _by_version([row for row in plain if (row.mode, row.precision) == (mode, precision)])
        precisions[mode, outcome].append(precision)
    modes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (mode, outcome), of_mode in precisions.items():
        modes[_precisions(of_mode), outcome].append(WORDS.get(mode, mode))
    for (precision, outcome), together in modes.items():
        yield ", ".join(together), precision, outcome


def _kinds(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the table of the kinds of layers, in the order of the tests."""
    host = KINDS[rows[0].host]
    plain = {(row.version, row.mode, row.precision): row.result for row in rows if row.kind == host.LAYER}
    for kind in host.NAMES[1:]:
        results: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row.kind == kind:
                as_plain = plain[row.version, row.mode, row.precision] == row.result
                results[MASK if as_plain else row.result].add(row.version)
        yield kind, _versions(results), host.REMARKS.get(kind, "")


def _by_version(rows: Iterable[Row]) -> str:
    results: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        results[row.result].add(row.version)
    return _versions(results)


def _versions(results: dict[str, set[str]]) -> str:
    """Return the one result of all versions, or each version's own: "3.0: not possible; 3.2: the mask"."""
    if len(results) == 1:
        return next(iter(results))
    return "; ".join(f"{', '.join(sorted(versions))}: {result}" for result, versions in results.items())


def _precisions(names: Iterable[str]) -> str:
    """Return the precisions in words. Encodings are named only where not all of them are meant."""
    encodings: dict[str, list[str]] = defaultdict(list)
    for name in names:
        samples, _, encoding = name.partition("_")
        encodings[samples].append(encoding.lower().replace("_", "-"))
    words = []
    for samples, some in encodings.items():
        every = len(some) == len(gimp.ENCODINGS) or some == [""]
        words.append(WORDS[samples] + ("" if every else f" ({', '.join(some)})"))
    return ", ".join(words)


def _tried_in(rows: Sequence[Row]) -> str:
    host = KINDS[rows[0].host]
    words = [f"{WORDS.get(mode, mode)} {_precisions([precision])}" for mode, precision in host.OFTEN]
    alone = [kind for kind in host.NAMES if len({(row.mode, row.precision) for row in rows if row.kind == kind}) == 1]
    return f"Tried in {', '.join(words)}; only in the first: {', '.join(alone)}.\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
