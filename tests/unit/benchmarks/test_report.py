"""The parts of `make bench` that compute and draw."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks import cold, folders, grounds, hosts, memory, plot, report, warm
from benchmarks.goals import goals
from benchmarks.samples import Results, Sample, Section, beyond, ratio
from benchmarks.stages import parts
from benchmarks.stopwatch import Effort, Run, in_turns

SVG = "{http://www.w3.org/2000/svg}"


def one_model(file: Path) -> Results:
    """Made-up figures of one model: requests 0.1 s beyond bare, `rembg i` ten times as slow."""
    results = Results(file, go_on=False)

    def put(kind: str, *found: Sample) -> None:
        results.put(Section(kind, "u2netp", samples=list(found)))

    def request(what: str, size: float) -> Sample:
        return Sample("u2netp", what, size, [0.4, 0.6], {"preparing": 0.02, "inference": 0.3, "transport": 0.08})

    sizes = (12.0, 24.0)
    bare = [Sample("u2netp", warm.BARE, size, [0.3, 0.5]) for size in sizes]
    put(warm.KIND, *bare, *(request(what, size) for what in (warm.OFF, warm.FINE) for size in sizes))
    asked = [Sample("flat", f"{grounds.QUESTION}, {what}", 24.0, [0.008]) for what in grounds.PICTURES]
    told = {"ground": 0.01, "edges": 0.15, "mask": 0.03, "transport": 0.1}
    put(grounds.KIND, *asked, Sample("flat", f"{grounds.MASK}, a logo", 24.0, [0.29], told))
    put(cold.KIND, Sample("u2netp", cold.REMBG, 12.0, [5.0]))
    resident = {memory.IDLE: 50_000_000, memory.PEAK: 50_000_000 + 3 * 96_000_000}
    put(memory.KIND, *(Sample("u2netp", what, 24.0, bytes=count) for what, count in resident.items()))
    paces = {folders.BARE: 0.9, folders.PLAIN: 0.8, folders.MATTED: 1.0, folders.REMBG: 4.0}
    put(folders.KIND, *(Sample("u2netp", what, folders.SIZES[0], [pace]) for what, pace in paces.items()))
    return results


def test_tasks_take_turns() -> None:
    order: list[str] = []

    def task(name: str, seconds: float) -> Run:
        order.append(name)
        return Run(seconds, {"stage": seconds / 2})

    tasks = {"a": lambda: task("a", 1.0), "b": lambda: task("b", 3.0)}
    first, second = in_turns("model", 12.0, tasks, Effort(seconds=0.0, least=3, most=9))
    assert order == ["a", "b"] * 3  # a first round counts where there is no time for one that does not
    assert (first.what, first.seconds, first.stages) == ("a", [1.0] * 3, {"stage": 0.5})
    assert (second.what, second.median, second.megapixels) == ("b", 3.0, 12.0)


def test_there_are_no_more_rounds_than_wanted_and_the_first_is_left_out() -> None:
    numbers = itertools.count()
    [sample] = in_turns("model", 1.0, {"a": lambda: Run(float(next(numbers)))}, Effort(60.0, 2, 4))
    assert sample.seconds == [1.0, 2.0, 3.0, 4.0]


def test_rounds_are_compared_one_by_one() -> None:
    request, bare = Sample("m", "x", seconds=[2.0, 30.0, 5.0]), Sample("m", "y", seconds=[1.0, 10.0, 4.0])
    assert beyond(request, bare) == 1.0  # of 1, 20 and 1
    assert ratio(request, bare) == 2.0  # of 2, 3 and 1.25


def test_what_was_measured_is_kept_for_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    before = one_model(file)
    after = Results(file, go_on=True)
    assert after.sections == before.sections
    after.put(Section(warm.KIND, "u2netp", error="It broke."))
    again = Results(file, go_on=True)
    assert again.one(warm.KIND, what=warm.BARE) is None and again.one(cold.KIND, what=cold.REMBG) is not None
    assert Results(file, go_on=False).sections == {}


def test_goals_are_reached_missed_or_not_measured(tmp_path: Path) -> None:
    found = {goal.text: goal for goal in goals(one_model(tmp_path / "results.json"))}
    fine = found["u2netp, 24 megapixels, edges fine: beyond bare inference"]
    assert fine.measured == pytest.approx(0.1) and fine.met is True
    assert found["u2netp, 12 megapixels: a click against `rembg i`"].measured == 10.0
    assert found["u2netp, 24 megapixels: peak memory above idle"].measured == 3.0
    folder = found["u2netp, a folder, matted remove: against bare inference in a loop"]
    assert folder.measured == 0.9 and folder.met is False and folder.cells()[-1] == "**no**"
    assert found["whether a picture of 24 megapixels has a flat ground"].measured == pytest.approx(8)
    logo = found["a logo of 24 megapixels on a flat ground: the mask, in the daemon"]
    assert logo.measured == pytest.approx(0.19) and logo.met is True
    missing = found["isnet-general-use, a folder, matted remove: against `rembg p`"]
    assert missing.met is None and missing.cells()[1] == "not measured"


def test_the_document_has_every_table_and_names_what_failed(tmp_path: Path) -> None:
    results = one_model(tmp_path / "results.json")
    results.put(Section(cold.KIND, "isnet-general-use", error="It broke."))
    report.write(results, tmp_path / "page.md", "rembg 1.0")
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "- cold isnet-general-use: It broke." in page and "rembg 1.0" in page
    assert "| 24 megapixels, edges fine | 2 | 400 | 500 | 100 | 20 | 300 | 80 |" in page
    assert "| a photograph | 1 | 8 |  |  |  |  |  |" in page
    assert "| a logo | 1 | 8 | 290 | 10 | 150 | 30 | 100 |" in page
    assert "| u2netp, 24 megapixels (96 MB) | 50 | - | 338 | - | - | 3.0 |" in page
    assert "| u2netp, 1 megapixel | 66.7 | 75.0 | 60.0 | 15.0 | 1.12 | 0.90 | 5.00 | 4.00 |" in page
    assert "(benchmarks.svg)" in page


def test_bars_are_as_long_as_their_numbers(tmp_path: Path) -> None:
    bars = [
        plot.Bar("one & all", [(1.0, "#111111"), (2.0, "#222222")], "3"),
        plot.Bar("half", [(1.5, "#333333")], "1.5"),
    ]
    page = ElementTree.fromstring(plot.draw([plot.Panel("title", bars)]))
    widths = {rect.get("fill"): float(rect.get("width", "0")) for rect in page.iter(f"{SVG}rect")}
    assert widths["#222222"] == pytest.approx(2 * widths["#111111"], abs=0.1)
    assert widths["#333333"] == pytest.approx(1.5 * widths["#111111"], abs=0.1)
    assert "one & all" in [text.text for text in page.iter(f"{SVG}text")]


def test_the_plot_of_results_shows_every_stage(tmp_path: Path) -> None:
    plot.write(one_model(tmp_path / "results.json"), tmp_path / "plot.svg")
    page = ElementTree.parse(tmp_path / "plot.svg")
    fills = {rect.get("fill") for rect in page.iter(f"{SVG}rect")}
    assert {plot.COLOURS[stage] for stage in ("preparing", "inference", "transport")} <= fills
    assert plot.PEER in fills


def test_the_pace_of_a_folder_leaves_out_its_ends(tmp_path: Path) -> None:
    for number, second in enumerate((0, 9, 10, 12, 14, 15, 40)):
        file = tmp_path / f"{number}.png"
        file.touch()
        os.utime(file, (1_700_000_000 + second,) * 2)
    assert folders.pace(tmp_path, margin=3) == 2.0
    assert folders.pace(tmp_path, margin=1) == pytest.approx(40 / 6)


def test_what_a_plugin_adds_is_all_but_the_daemons_own(tmp_path: Path) -> None:
    told = {"moments": {"read": 7.5, "sent": 7.875, "answered": 9.75, "done": 10.25}, "daemon": 1.5}
    stages = parts(told, clicked=7.0, ended=10.5)
    assert stages == {
        "start": 0.5,
        "read and send": 0.375,
        "daemon": 1.5,
        "receive": 0.375,
        "insert": 0.5,
        "end": 0.25,
    }
    results = one_model(tmp_path / "results.json")
    click = Sample("u2netp", "GIMP 3.0", 24.0, [3.5], stages)
    results.put(Section(hosts.KIND, "", samples=[click]))
    [goal] = [goal for goal in goals(results) if "GIMP" in goal.text]
    assert (goal.measured, goal.met) == (2.0, False)
    report.write(results, tmp_path / "page.md", "rembg")
    row = "| GIMP 3.0, u2netp, 24 megapixels | 1 | 3500 | 1500 | 2000 | 500 | 375 | 375 | 500 | 250 |"
    assert row in (tmp_path / "page.md").read_text("utf-8")


def test_the_time_until_krita_has_painted_is_shown_and_not_counted(tmp_path: Path) -> None:
    stages = {"start": 0.25, "daemon": 0.5, "painted": 8.0}
    results = one_model(tmp_path / "results.json")
    results.put(Section(hosts.KIND, "", samples=[Sample("u2netp", hosts.KRITA, 24.0, [0.75], stages)]))
    [goal] = [goal for goal in goals(results) if hosts.KRITA in goal.text]
    assert (goal.measured, goal.met) == (0.25, True)
    report.write(results, tmp_path / "page.md", "rembg")
    row = f"| {hosts.KRITA}, u2netp, 24 megapixels | 1 | 750 | 500 | 250 | 250 | 8000 |"
    assert row in (tmp_path / "page.md").read_text("utf-8")


def test_the_longest_that_a_window_stood_still_is_beside_the_hosts_own(tmp_path: Path) -> None:
    results = one_model(tmp_path / "results.json")
    seconds = {hosts.CLICK: [0.25, 0.5], hosts.STEPS: [0.0625, 0.125], hosts.OWN: [0.375, 0.25]}
    results.put(Section(hosts.GAPS, "", samples=[Sample("Krita 5.2", what, 100.0, s) for what, s in seconds.items()]))
    [goal] = [goal for goal in goals(results) if "longest step" in goal.text]
    assert (goal.measured, goal.met) == (0.125, False)
    report.write(results, tmp_path / "page.md", "rembg")
    assert "| Krita 5.2, 100 megapixels | 2 | 500 | 125 | 375 |" in (tmp_path / "page.md").read_text("utf-8")
