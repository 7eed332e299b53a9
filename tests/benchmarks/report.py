"""The document: tables in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil
from benchmarks import cold, dialogs, engine, folders, grounds, hosts, memory, questions, warm
from benchmarks.dialog_watch import TICK_MS, TURN_MS
from benchmarks.goals import goals
from benchmarks.photographs import GRAIN
from benchmarks.samples import Results, beyond, ratio

PLOT = "benchmarks.svg"
STAGES = ("waiting", "preparing", "inference", "mask", "edges", "colours", "transport")

_HEAD = f"""# Benchmarks

Made by `make bench`, which measures everything anew and writes this page. What is compared takes turns, round after
round in one run, so that whatever else the machine does hits all of it alike. Times are medians; ratios and differences
are medians of those of the rounds. The machine should be quiet: matted's inference steps back for other programs, bare
inference and rembg do not.

![Seconds a picture, and photographs a minute]({PLOT})
"""

_METHOD = f"""## How it is measured

- **Pictures** are the photographs of the tests, enlarged, 4 : 3, with grain of standard deviation {GRAIN:g}. Every warm
  request is for a picture that the daemon has not seen: a patch in a corner changes. A second look at a small subject
  is off, so that each request is one inference.
- **Bare inference** is OpenVINO alone in the process of the benchmark: the same file, compiled with the same
  properties, its input ready in memory. **Beyond bare** is how much longer the request took in the same round.
- **In f32** is with `arithmetic = "f32"`. Without that setting IS-Net computes in bfloat16 where the processor has it;
  where it has not, both are the same.
- **A warm request** is what GIMP or Krita waits for: RGBA pixels in memory, through the client of the plug-ins, to the
  daemon and back as an 8-bit mask. **Transport** is what the daemon's own stages leave of it.
- **Re-tuned** is another setting for the picture of the request before: no inference.
- **Questions** are about a picture that the daemon has. A round is a click at a new place, a slider, a look at a new
  part, the whole mask, and a mask that is refined with another reach.
- **Flat grounds** are drawings, drawn at a fourth of the sides and enlarged. The question is whether there is one; it
  is put in the process of the benchmark, of a photograph as well, as every request that names no model puts it. The
  mask is that of the model `flat`, through the client and the daemon.
- **rembg** comes from the package index, in an environment of its own, with the same weights and its own settings. As a
  library it is asked for the mask of a picture in memory, its session loaded. For an INT8 variant it has the weights
  that the variant was made from.
- **Cold** is from the command to the cut-out on disk, JPEG in, PNG out, as either program does by default. Neither runs
  before; what either compiles at its first run on a computer is there already; all files are in the page cache.
- **Memory** is the sum of the resident bytes of all processes of a program, sampled every 5 ms, without the program
  that asks. Each size has a fresh daemon.
- **Folders** hold JPEG photographs. Each is read, cut out as either program does by default, and written as a PNG. What
  counts is the time from the third result to the third last, as the two ends would weigh more in so small a folder;
  rembg, which does one picture after the other, has the first and the last. matted's daemon runs before.
- **A click** is from the call of the plug-in to its end, in the real programs with their windows, each in a Debian root
  of the tests. *Start* is everything before the layer is read (in GIMP a process of its own); *read and send* go on
  together, until the daemon has the whole picture; *receive* is what the request took beyond that and the daemon's own
  stages. The plug-in ends when the mask is in the picture; what Krita takes then until it has *painted* it is not
  counted, as GIMP paints later, too.
- **Standing still** is the longest time for which a host's event loop did not turn: in Krita as a timer there sees it,
  in GIMP as a second plug-in does that wants a trifle of GIMP all the time. A click has it read the layer and compute
  the picture with the mask; the host's own Add Mask, with a white mask, has it do the latter alone. *Own steps* leaves
  that out.
- **The dialog** is used in the real programs: a person's drags, clicks and OK are made in its own process, in its own
  event loop, which also tells when the preview was painted. *Start* is the plug-in's process in GIMP, *dialog* all
  until the layer begins to be read, *read* until its last pixel is there, *send* until the daemon has it, *ask* until
  the preview's first question is put: in GIMP the widgets start meanwhile, and the daemon finds the subject. A drag
  sets another value every {TURN_MS} ms. Event loops are asked every {TICK_MS} ms; GIMP's own by that second plug-in.
  What ran is what was seen in the plug-in every few milliseconds.

`make bench BENCH="--only warm --only folders"` measures these anew and takes the rest from the run before;
`BENCH="--isnet-onnx FILE"` gives rembg the weights of IS-Net too.
"""


def write(results: Results, target: Path, rembg: str) -> None:
    """Write the page. rembg: its version and the like."""
    parts = [_HEAD, *_machine(rembg), *_failures(results), *_goals(results), *_warm(results)]
    parts += [*_questions(results), *_grounds(results), *_peers(results)]
    parts += [*_cold(results), *_memory(results), *_folders(results), *_engine(results), *_hosts(results)]
    parts += [*_dialogs(results), _METHOD]
    target.write_text("\n".join(parts), "utf-8")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column of words, the others of numbers. Ends with an empty line."""
    lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def size(megapixels: float) -> str:
    return f"{megapixels:g} megapixel{'' if megapixels == 1.0 else 's'}"


def _machine(rembg: str) -> Iterator[str]:
    cores = f"{psutil.cpu_count(logical=False)} cores, {psutil.cpu_count()} threads"
    memory_size = f"{psutil.virtual_memory().total / 1e9:.0f} GB of memory"
    packages = ", ".join(f"{name} {version(name)}" for name in ("matted", "openvino", "numpy", "pillow"))
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield f"{_processor()}, {cores}, {memory_size}; {system}; {packages}; {rembg}.\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or os.environ.get("PROCESSOR_IDENTIFIER", "unknown processor")


def _failures(results: Results) -> Iterator[str]:
    failed = [section for section in results.sections.values() if section.error]
    if failed:
        yield "**Not everything could be measured:**\n"
        yield "".join(f"- {section.kind} {section.model}: {section.error}\n" for section in failed)


def _goals(results: Results) -> Iterator[str]:
    yield "## Goals\n"
    yield table(["what", "measured", "goal", "reached"], (goal.cells() for goal in goals(results)))


def _warm(results: Results) -> Iterator[str]:
    yield "## A warm request\n"
    yield "Milliseconds; the columns behind *beyond bare* are the stages of which a request consists.\n"
    for model in results.models():
        cases = [sample for sample in results.of(warm.KIND, model=model) if sample.stages]
        stages = [stage for stage in STAGES if any(stage in sample.stages for sample in cases)]
        rows = []
        for sample in cases:
            bare = results.one(warm.KIND, model=model, what=warm.BARE, megapixels=sample.megapixels)
            assert bare is not None
            extra = "-" if sample.what == warm.AGAIN else _ms(beyond(sample, bare))
            row = [f"{size(sample.megapixels)}, {sample.what}", str(len(sample.seconds)), _ms(bare.median)]
            row += [_ms(sample.median), extra]
            rows.append([*row, *(_ms(sample.stages[each]) if each in sample.stages else "" for each in stages)])
        if rows:
            yield f"### {model}\n"
            yield table(["picture", "rounds", "bare inference", "request", "beyond bare", *stages], rows)


def _questions(results: Results) -> Iterator[str]:
    rows = []
    for sample in results.of(questions.KIND):
        row = [f"{sample.model}, {sample.what}", str(len(sample.seconds)), _ms(sample.median)]
        rows.append([*row, _ms(sample.stages[questions.DAEMON])])
    if rows:
        yield "## Questions about an open picture\n"
        yield (
            f"Milliseconds, {size(questions.MEGAPIXELS)}, a view of {questions.VIEW:,} pixels. "
            "The whole mask is asked for after a click.\n"
        )
        yield table(["question", "rounds", "answer", "of that in the daemon"], rows)


def _grounds(results: Results) -> Iterator[str]:
    rows = []
    for what in grounds.PICTURES:
        asked, masked = grounds.asked(results, what), grounds.masked(results, what)
        if asked is not None:
            row = [what, str(len(asked.seconds)), _ms(asked.median)]
            stages = [] if masked is None else [masked.median, *(masked.stages[each] for each in grounds.STAGES)]
            rows.append([*row, *(map(_ms, stages) if stages else [""] * (1 + len(grounds.STAGES)))])
    if rows:
        yield "## Flat grounds\n"
        yield f"Milliseconds, {size(grounds.MEGAPIXELS)}. The columns behind *the mask* are its stages.\n"
        yield table(["picture", "rounds", "the question", "the mask", *grounds.STAGES], rows)


def _peers(results: Results) -> Iterator[str]:
    rows = []
    for peer in results.of(warm.KIND, what=warm.REMBG):
        for what in (warm.OFF, warm.FINE):
            ours = results.one(warm.KIND, model=peer.model, what=what, megapixels=peer.megapixels)
            assert ours is not None
            row = [f"{peer.model}, {size(peer.megapixels)}, {what}", _s(ours.median), _s(peer.median)]
            rows.append([*row, f"{ratio(peer, ours):.1f} times"])
    if rows:
        yield "## Against rembg as a library, warm\n"
        yield table(["mask of a picture in memory", "matted", "rembg", "matted is faster by"], rows)


def _cold(results: Results) -> Iterator[str]:
    rows = []
    for ours in results.of(cold.KIND, what=cold.MATTED):
        peer = results.one(cold.KIND, model=ours.model, what=cold.REMBG)
        theirs = [_s(peer.median), f"{ratio(peer, ours):.1f} times"] if peer else ["-", "-"]
        rows.append([ours.model, _s(ours.median), *theirs])
    yield "## Cold\n"
    start = results.one(cold.START)
    if start:
        yield f"`matted serve` answers {_s(start.median)} after its start (median of {len(start.seconds)}).\n"
    heads = [f"{size(cold.MEGAPIXELS)}, file to file", "`matted remove`", "`rembg i`", "matted is faster by"]
    yield table(heads, rows)


def _memory(results: Results) -> Iterator[str]:
    kinds = (memory.IDLE, memory.LOADED, memory.PEAK, memory.COLOURS, memory.REMBG)
    rows = []
    for model in results.models():
        for megapixels in memory.SIZES:
            cells = [results.one(memory.KIND, model=model, what=each, megapixels=megapixels) for each in kinds]
            if any(cells):
                above = memory.layers(results, model, megapixels)
                row = [f"{model}, {size(megapixels)} ({4 * megapixels:.0f} MB)"]
                row += [f"{cell.bytes / 1e6:.0f}" if cell else "-" for cell in cells]
                rows.append([*row, "-" if above is None else f"{above:.1f}"])
    yield "## Memory\n"
    yield "Megabytes; the last column is the peak with fine edges above idle, as a multiple of the layer's own bytes.\n"
    heads = ["model and RGBA layer", "idle", "model loaded", "peak, fine edges", "peak, and colours", "peak of rembg"]
    yield table([*heads, "layers"], rows)


def _folders(results: Results) -> Iterator[str]:
    rows = []
    whats = (folders.BARE, folders.PLAIN, folders.MATTED, folders.REMBG)
    for ours in results.of(folders.KIND, what=folders.MATTED):
        cells = [results.one(folders.KIND, model=ours.model, what=each, megapixels=ours.megapixels) for each in whats]
        row = [
            f"{ours.model}, {size(ours.megapixels)}",
            *(f"{60.0 / each.median:.1f}" if each else "-" for each in cells),
        ]
        for other in (folders.BARE, folders.REMBG):
            for what in (folders.PLAIN, folders.MATTED):
                gain = folders.gain(results, ours.model, other, what, ours.megapixels)
                row.append("-" if gain is None else f"{gain:.2f}")
        rows.append(row)
    yield "## Folders\n"
    yield "Photographs a minute. *As rembg* is with `--edges off --keep-colours --no-second-look`, for the same work.\n"
    heads = [
        "model and photographs",
        "bare inference in a loop",
        "`matted remove`, as rembg",
        "`matted remove`",
        "`rembg p`",
    ]
    yield table([*heads, "as rembg / bare", "matted / bare", "as rembg / rembg", "matted / rembg"], rows)


def _engine(results: Results) -> Iterator[str]:
    yield "## The engine process, and a load beside a click\n"
    rows = []
    for there in results.of(engine.KIND, what=engine.PROCESS):
        here = results.one(engine.KIND, model=there.model, what=engine.HERE)
        assert here is not None
        row = [there.model, str(len(there.seconds)), _ms(here.median), _ms(there.median), _ms(beyond(there, here))]
        rows.append(row)
    if rows:
        yield "Milliseconds, with models whose inference takes little.\n"
        yield table(["pictures in, mattes and colours out", "rounds", engine.HERE, engine.PROCESS, "beyond"], rows)
    alone, during = (results.one(engine.LOADING, what=what) for what in (engine.ALONE, engine.BESIDE))
    if alone and during:
        yield (
            f"A click on a warm {engine.WARM}, {size(alone.megapixels)}: {_ms(alone.median)} ms alone, "
            f"{_ms(during.median)} ms while {engine.SLOW} loads, {ratio(during, alone):.2f} times.\n"
        )


def _hosts(results: Results) -> Iterator[str]:
    rows = []
    stages = [each for each in hosts.STAGES if any(each in sample.stages for sample in results.of(hosts.KIND))]
    for sample in results.of(hosts.KIND):
        row = [f"{sample.what}, {sample.model}, {size(sample.megapixels)}", str(len(sample.seconds))]
        row += [_ms(sample.median), _ms(sample.stages[hosts.DAEMON]), _ms(hosts.adds(sample))]
        rows.append([*row, *(_ms(sample.stages[stage]) if stage in sample.stages else "-" for stage in stages)])
    yield "## A click in GIMP and Krita\n"
    if rows:
        yield "Milliseconds; the columns behind *the plug-in adds* are what that consists of, but for the last.\n"
        yield table(["layer", "rounds", "click", "the daemon's own", "the plug-in adds", *stages], rows)
    yield from _windows(results)


def _windows(results: Results) -> Iterator[str]:
    rows = []
    for click in results.of(hosts.GAPS, what=hosts.CLICK):
        same = {"model": click.model, "megapixels": click.megapixels}
        cells = [results.one(hosts.GAPS, what=what, **same) for what in (hosts.CLICK, hosts.STEPS, hosts.OWN)]
        row = [f"{click.model}, {size(click.megapixels)}", str(len(click.seconds))]
        rows.append([*row, *(_ms(max(cell.seconds)) if cell else "-" for cell in cells)])
    if rows:
        yield "Milliseconds for which the host's event loop stood still at worst.\n"
        yield table(["layer", "rounds", "in a click", "in the plug-in's own steps", "in the host's own Add Mask"], rows)


def _dialogs(results: Results) -> Iterator[str]:
    found = [dialogs.Found(results, host, size) for host in (dialogs.GIMP, dialogs.KRITA) for size in dialogs.SIZES]
    found = [each for each in found if each.one(dialogs.OPENING)]
    if not found:
        return
    yield "## The dialog in GIMP and Krita\n"
    yield f"Milliseconds, with {dialogs.MODEL}. From the call until the first preview with a mask is painted:\n"
    yield table(
        ["layer", "rounds", "layer seen", "mask seen", "beyond the inference", *dialogs.STAGES], _openings(found)
    )
    yield "From what a person does until it is painted, and OK until the mask is on the layer:\n"
    yield table(
        ["layer, and what is done", "times", "until it is seen", "the daemon's own", "the host's own"], _acts(found)
    )
    yield "For how long an event loop stood still at most, and what ran in it then:\n"
    yield table(["layer, and which loop", "at most", "over"], _gaps(found))


def _openings(found: Sequence[dialogs.Found]) -> Iterator[list[str]]:
    for each in found:
        opening, seen = each.one(dialogs.OPENING), each.one(dialogs.SEEN)
        assert opening is not None and seen is not None
        row = [f"{each.host}, {size(each.megapixels)}", str(len(opening.seconds)), _ms(seen.median)]
        row += [_ms(opening.median), _ms(opening.median - opening.stages[dialogs.INFERENCE])]
        yield [*row, *(_ms(opening.stages[stage]) for stage in dialogs.STAGES)]


def _acts(found: Sequence[dialogs.Found]) -> Iterator[list[str]]:
    for each in found:
        for what in dialogs.ACTS:
            act = each.one(what)
            if act is not None:
                row = [f"{each.host}, {size(each.megapixels)}: {what}", str(len(act.seconds)), _ms(act.median)]
                stages = (dialogs.DAEMON, dialogs.INSERTION)
                yield [*row, *(_ms(act.stages[stage]) if stage in act.stages else "" for stage in stages)]


def _gaps(found: Sequence[dialogs.Found]) -> Iterator[list[str]]:
    for each in found:
        for loop in dialogs.LOOPS:
            for phase in dialogs.PHASES:
                gap = each.gap(loop, phase)
                if gap is not None and any(gap.seconds):
                    ran = ", ".join(f"{_ms(seconds)} {what}" for what, seconds in gap.stages.items())
                    name = f"{each.host}, {size(each.megapixels)}: {loop}, {phase}"
                    yield [name, _ms(max(gap.seconds)), ran]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"
