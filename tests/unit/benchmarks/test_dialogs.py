"""What the benchmark of the dialogs makes of what was seen in a host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks import dialogs, report
from benchmarks.dialog_watch import Watch
from benchmarks.goals import goals
from benchmarks.samples import Results, Section

CALLED = 100.0


def told() -> dict[str, Any]:
    """A dialog of three seconds: opened for one, used for one, and OK."""
    return {
        "moments": {"entered": 100.2, "begun": 100.3, "read": 100.5, "sent": 100.6, "seen": 100.4},
        "questions": [
            {
                "asked": 100.3,
                "put": 100.6,
                "came": 100.95,
                "timings": {"inference": 0.2, "edges": 0.1},
                "painted": 101.0,
            },
            {"asked": 101.1},
        ],
        "acts": [
            {"what": dialogs.MOVED[0], "at": 101.1, "painted": 101.2, "daemon": 0.05},
            {"what": dialogs.MOVED[0], "at": 101.3, "painted": 101.6, "daemon": 0.07},
            {"what": dialogs.DRAGGED, "at": 101.7, "painted": 101.71, "longest": 0.4},
        ],
        "phases": [[dialogs.OPENING, 100.25], [dialogs.USING, 101.0], [dialogs.OK, 102.0]],
        "insertion": 0.5,
        "answer": {"mask": 0.2},
        "waited": 0.3,
        "done": 103.0,
        "samples": [[100.1, ""], [100.7, "reading.read"], [100.8, ""], [101.0, ""], [102.6, "masks.put"], [104.0, ""]],
    }


def found(tmp_path: Path) -> Results:
    results = Results(tmp_path / "results.json", go_on=False)
    gaps = [[100.05, 100.75], [100.9, 101.02], [102.1, 102.5]]
    visits = [dialogs.Visit(24.0, CALLED, told(), {dialogs.HOST_LOOP: gaps})]
    results.put(Section(dialogs.KIND, "", samples=list(dialogs.samples(dialogs.KRITA, visits))))
    return results


def test_the_parts_of_the_opening_are_as_long_as_all_of_it(tmp_path: Path) -> None:
    opening = dialogs.Found(found(tmp_path), dialogs.KRITA, 24.0).one(dialogs.OPENING)
    assert opening is not None and opening.median == pytest.approx(1.0)
    assert sum(opening.stages[stage] for stage in dialogs.STAGES) == pytest.approx(1.0)
    assert opening.stages["daemon"] == pytest.approx(0.3) and opening.stages["inference"] == 0.2


@pytest.mark.parametrize(
    "end", [{"came": 100.8, "timings": {"inference": 0.125}}, {"inferring": 100.675, "given_up": 100.8}], ids=sorted
)
def test_the_inference_may_be_of_a_question_before_the_one_that_is_seen(tmp_path: Path, end: dict[str, Any]) -> None:
    seen = told()
    glimpse = {"asked": 100.3, "put": 100.6, **end}
    seen["questions"].insert(0, glimpse)
    seen["questions"][1].update(put=100.8, timings={"edges": 0.125})
    results = Results(tmp_path / "results.json", go_on=False)
    visit = dialogs.Visit(24.0, CALLED, seen, {})
    results.put(Section(dialogs.KIND, "", samples=list(dialogs.samples(dialogs.GIMP, [visit]))))
    opening = dialogs.Found(results, dialogs.GIMP, 24.0).one(dialogs.OPENING)
    assert opening is not None and opening.stages["inference"] == pytest.approx(0.125)
    assert opening.stages["ask"] == pytest.approx(0.2) and opening.stages["daemon"] == 0.125


def test_a_gap_says_what_ran_in_it_and_how_much_of_it_is_the_plug_ins(tmp_path: Path) -> None:
    krita = dialogs.Found(found(tmp_path), dialogs.KRITA, 24.0)
    opening, using, ok = (krita.gap(dialogs.HOST_LOOP, phase) for phase in dialogs.PHASES)
    assert opening is not None and opening.seconds == [pytest.approx(0.7)]
    assert opening.stages == {
        "reading.read": pytest.approx(0.6),
        dialogs.HOST_ITSELF: pytest.approx(0.1),
    }
    assert using is not None and using.seconds == [pytest.approx(0.02)]  # the rest was before
    assert ok is not None and ok.stages == {"masks.put": pytest.approx(0.4)}
    assert krita.own_gap() == pytest.approx(0.6)  # the insertion is the host's
    assert dialogs.Found(found(tmp_path), dialogs.GIMP, 24.0).own_gap() is None


def test_the_goals_of_the_dialog(tmp_path: Path) -> None:
    of_krita = {goal.text: goal for goal in goals(found(tmp_path)) if f"the dialog in {dialogs.KRITA}" in goal.text}
    reached = {text.partition(": ")[2]: goal.measured for text, goal in of_krita.items() if "24 mega" in text}
    assert reached["the first mask is seen, beyond the inference"] == pytest.approx(0.8)
    assert reached[f"{dialogs.MOVED[0]}, in the daemon"] == pytest.approx(60.0)
    assert reached[f"{dialogs.MOVED[0]}, until it is seen"] == pytest.approx(200.0)
    assert reached[f"{dialogs.BLIND}, until it is seen"] == pytest.approx(400.0)
    assert reached["OK, beyond the host's insertion"] == pytest.approx(0.5)
    assert reached["an event loop stands still over the plug-in's own"] == pytest.approx(0.6)
    assert [goal.measured for text, goal in of_krita.items() if "100 mega" in text] == [None]


def test_the_document_has_the_dialog(tmp_path: Path) -> None:
    report.write(found(tmp_path), tmp_path / "page.md", "rembg 1.0")
    page = (tmp_path / "page.md").read_text("utf-8")
    host = f"{dialogs.KRITA}, 24 megapixels"
    assert f"| {host} | 1 | 400 | 1000 | 800 | 200 | 100 | 200 | 100 | 0 | 300 | 50 | 50 |" in page
    assert f"| {host}: {dialogs.MOVED[0]} | 2 | 200 | 60 |  |" in page
    assert f"| {host}: OK | 1 | 1000 | 200 | 500 |" in page
    assert f"| {host}: {dialogs.HOST_LOOP}, opening | 700 | 600 reading.read, 100 the host itself |" in page


def test_a_person_moves_both_sliders_drags_clicks_and_accepts() -> None:
    watch = Watch("/nowhere", (), pause=0.0)
    alphas: list[bytes] = []
    done: list[object] = []

    class Conversation:
        """Answers at once."""

        def start(self) -> None: ...

        def mask(self) -> None: ...

        def ask(self, ask: Callable[..., object], answered: Callable[[object], None], *others: object) -> None:
            answered(ask(None, lambda progress: None, lambda: False))

    class Presenter:
        def frames(self) -> list[tuple[object, str]]:
            return [(SimpleNamespace(alpha=alpha), "somewhere") for alpha in alphas[-1:]]

    class Dialog:
        """What is chosen is asked for and painted before the next turn."""

        def set(self, option: str, value: int) -> None:
            self._show((option, value))

        def click(self, x: float, y: float) -> None:
            self._show((x, y))

        def accept(self) -> None:
            done.append("OK")

        def _show(self, what: object) -> None:
            done.append(what)
            mask = SimpleNamespace(info=SimpleNamespace(timings={"mask": 0.1}))
            Conversation().ask(lambda *_: mask, lambda _: alphas.append(bytes(len(done))), None, None)
            Presenter().frames()
            watch.painted()

    filling, session = (type("Fake", (), {"add": None, "open": None}) for _ in range(2))
    watch.watch_client(filling, session, Conversation)
    watch.watch_presenter(Presenter)
    dialog = Dialog()
    steps = watch.use(dialog)
    opened = next(steps)
    assert not opened()
    dialog.set("opened", 0)
    assert opened()
    for condition in steps:
        while not condition():
            pass
    assert done[-1] == "OK" and ("grow", 30) in done and ("feather", 30) in done
    assert [name for name, _ in watch.phases] == [dialogs.OPENING, dialogs.USING, dialogs.OK]
    assert {act["what"] for act in watch.acts} == {*dialogs.ACTS} - {dialogs.OK, dialogs.BLIND}
    assert all(act["painted"] >= act["at"] for act in watch.acts)
    assert all(act["daemon"] == 0.1 for act in watch.acts if act["what"] != dialogs.DRAGGED)
