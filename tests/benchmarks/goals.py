"""What matted holds itself to, and whether it does. Everything is a ratio or a difference within one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import cold, dialogs, engine, folders, grounds, hosts, memory, questions, warm
from benchmarks.samples import Results, beyond, ratio

SMALL = "u2netp"
ISNET, EXACT, INT8 = "isnet-general-use", "isnet-general-use in f32", "isnet-general-use-int8"


@dataclass(frozen=True)
class Goal:
    """measured: in `unit`, None where it could not be measured. most: whether `limit` is the most, or the least."""

    text: str
    measured: float | None
    limit: float
    unit: str
    most: bool = True

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured <= self.limit if self.most else self.measured >= self.limit

    def cells(self) -> list[str]:
        """What, measured, the goal, whether it is reached: for a table."""
        measured = "not measured" if self.measured is None else f"{self.measured:.3g} {self.unit}"
        bound = f"{'at most' if self.most else 'at least'} {self.limit:g} {self.unit}"
        return [self.text, measured, bound, {None: "-", True: "yes", False: "**no**"}[self.met]]


def goals(results: Results) -> list[Goal]:
    return [
        *_warm(results),
        *_questions(results),
        *_grounds(results),
        *_cold(results),
        *_memory(results),
        *_folders(results),
        *_engine(results),
        *_hosts(results),
        *_dialogs(results),
    ]


def _warm(results: Results) -> Iterator[Goal]:
    for what, limit in ((warm.FINE, 0.35), (warm.OFF, 0.15)):
        extra = _beyond(results, SMALL, what, 24.0)
        yield Goal(f"{SMALL}, 24 megapixels, {what}: beyond bare inference", extra, limit, "s")
    for model in (EXACT, ISNET):
        extra = _beyond(results, model, warm.FINE, 12.0)
        bare = results.one(warm.KIND, model=model, what=warm.BARE, megapixels=12.0)
        share = 100.0 * extra / bare.median if extra is not None and bare else None
        yield Goal(f"{model}, 12 megapixels, {warm.FINE}: beyond bare inference", share, 10.0, "% of it")
    again = results.one(warm.KIND, model=SMALL, what=warm.AGAIN, megapixels=12.0)
    text = f"{SMALL}, 12 megapixels, other settings for a picture that the daemon knows"
    yield Goal(text, again.median if again else None, 0.15, "s")


def _questions(results: Results) -> Iterator[Goal]:
    for what, limit in ((questions.SLIDER, 0.06), (questions.CLICK, 0.3), (questions.WHOLE, 0.25)):
        sample = results.one(questions.KIND, model=SMALL, what=what)
        text = f"{SMALL}, an open picture of 24 megapixels, a view of 1,024 pixels: {what}, in the daemon"
        yield Goal(text, sample.stages[questions.DAEMON] if sample else None, limit, "s")


def _grounds(results: Results) -> Iterator[Goal]:
    asked = [sample.median for what in grounds.PICTURES if (sample := grounds.asked(results, what))]
    yield Goal("whether a picture of 24 megapixels has a flat ground", 1000 * max(asked) if asked else None, 10.0, "ms")
    for what in grounds.DRAWINGS:
        sample = grounds.masked(results, what)
        text = f"{what} of 24 megapixels on a flat ground: the mask, in the daemon"
        yield Goal(text, sample.median - sample.stages[grounds.TRANSPORT] if sample else None, 0.25, "s")


def _cold(results: Results) -> Iterator[Goal]:
    start = results.one(cold.START)
    yield Goal("`matted serve` until it answers", start.median if start else None, 0.5, "s")
    click = results.one(warm.KIND, model=SMALL, what=warm.FINE, megapixels=12.0)
    rembg = results.one(cold.KIND, model=SMALL, what=cold.REMBG)
    gain = rembg.median / click.median if click and rembg else None
    yield Goal(f"{SMALL}, 12 megapixels: a click against `rembg i`", gain, 8.0, "times as fast", most=False)


def _memory(results: Results) -> Iterator[Goal]:
    idle = results.one(memory.KIND, what=memory.IDLE)
    yield Goal("idle, no model loaded: resident memory", idle.bytes / 1e6 if idle else None, 100.0, "MB")
    for megapixels in (24.0, 100.0):
        layers = memory.layers(results, SMALL, megapixels)
        yield Goal(f"{SMALL}, {megapixels:g} megapixels: peak memory above idle", layers, 5.0, "times the layer")


def _folders(results: Results) -> Iterator[Goal]:
    for model in (SMALL, EXACT, ISNET, INT8):
        for what in (folders.PLAIN, folders.MATTED):
            share = folders.gain(results, model, folders.BARE, what, folders.SIZES[0])
            yield Goal(f"{model}, a folder, {what}: against bare inference in a loop", share, 0.95, "times", most=False)
    for model, limit in ((EXACT, 1.5), (ISNET, 1.5), (INT8, 3.0)):
        for what in (folders.PLAIN, folders.MATTED):
            gain = folders.gain(results, model, folders.REMBG, what, folders.SIZES[0])
            yield Goal(f"{model}, a folder, {what}: against `rembg p`", gain, limit, "times", most=False)


def _engine(results: Results) -> Iterator[Goal]:
    for there in results.of(engine.KIND, what=engine.PROCESS):
        here = results.one(engine.KIND, model=there.model, what=engine.HERE)
        if here and there.megapixels > 8:
            text = f"{there.model}: round trip to the engine process and back, beyond the inference"
            yield Goal(text, 1000.0 * beyond(there, here), 60.0, "ms")
    alone, during = (results.one(engine.LOADING, what=what) for what in (engine.ALONE, engine.BESIDE))
    gain = ratio(during, alone) if alone and during else None
    yield Goal(f"a click on a warm {engine.WARM} while {engine.SLOW} loads, against one alone", gain, 1.1, "times")


def _hosts(results: Results) -> Iterator[Goal]:
    for host, limit in ((hosts.GIMP, 0.6), (hosts.KRITA, 0.5)):
        for sample in results.of(hosts.KIND, what=host):
            text = f"a click in {host}, {sample.megapixels:g} megapixels: what the plug-in adds to the daemon's time"
            yield Goal(text, hosts.adds(sample), limit, "s")
    for sample in results.of(hosts.GAPS, what=hosts.STEPS):
        text = f"{sample.model}, {sample.megapixels:g} megapixels: longest step of the plug-in in the host's event loop"
        yield Goal(text, max(sample.seconds), 0.1, "s")


def _dialogs(results: Results) -> Iterator[Goal]:
    for host in (dialogs.GIMP, dialogs.KRITA):
        of_host = dialogs.Found(results, host, dialogs.SIZES[0])
        dialog = f"the dialog in {host}, {of_host.megapixels:g} megapixels"
        opening, ok = of_host.one(dialogs.OPENING), of_host.one(dialogs.OK)
        if opening is None or ok is None:
            continue
        extra = opening.median - opening.stages[dialogs.INFERENCE]
        yield Goal(f"{dialog}: the first mask is seen, beyond the inference", extra, 0.6, "s")
        limits = {**dict.fromkeys([*dialogs.MOVED, dialogs.FIRST_AFTER, dialogs.BLIND], 150.0), dialogs.CLICKED: 300.0}
        for what, limit in limits.items():
            act = of_host.one(what)
            yield Goal(f"{dialog}: {what}, until it is seen", 1000.0 * act.median if act else None, limit, "ms")
            if act and what in dialogs.MOVED:
                in_daemon = 1000.0 * act.stages[dialogs.DAEMON]
                yield Goal(f"{dialog}: {what}, in the daemon", in_daemon, 60.0, "ms")
        extra = ok.median - ok.stages[dialogs.INSERTION]
        yield Goal(f"{dialog}: {dialogs.OK}, beyond the host's insertion", extra, 0.25, "s")
        for megapixels in dialogs.SIZES:
            gap = dialogs.Found(results, host, megapixels).own_gap()
            text = f"the dialog in {host}, {megapixels:g} megapixels: an event loop stands still over the plug-in's own"
            yield Goal(text, gap, 0.1, "s")


def _beyond(results: Results, model: str, what: str, megapixels: float) -> float | None:
    request, bare = (
        results.one(warm.KIND, model=model, what=each, megapixels=megapixels) for each in (what, warm.BARE)
    )
    return beyond(request, bare) if request and bare else None
