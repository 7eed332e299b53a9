"""docs/hosts.md and the tables of the tests in GIMP and Krita say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hosts import seen, table
from hosts.gimp import kinds as gimp
from hosts.krita import kinds as krita
from hosts.seen import Row

EVERY_ROW = [*gimp.rows(), *krita.rows()]


def test_the_page_is_what_the_tests_have_to_see() -> None:
    """Only `make test-hosts` writes it, and only if they saw that: what is changed here has to be seen there first."""
    assert table.DOCUMENT.read_text("utf-8") == table.document(EVERY_ROW)


def test_every_kind_of_every_version_is_there_once() -> None:
    assert len(set(EVERY_ROW)) == len(EVERY_ROW)
    for host, versions in ((gimp, gimp.VERSIONS), (krita, krita.TITLES)):
        for version in versions.values():
            rows = [row for row in host.rows() if row.version == version]
            assert {row.kind for row in rows} == set(host.NAMES)
            plain = {(row.mode, row.precision) for row in rows if row.kind == host.LAYER}
            assert plain == {*host.MODES, *host.IMPOSSIBLE_MODES}


def test_versions_that_differ_are_told_apart() -> None:
    old, new = (Row("GIMP", version, "RGB", "U8_LINEAR", "link layer", version) for version in ("3.0", "3.2"))
    others = [row for row in EVERY_ROW if row.kind != "link layer"]
    assert "| link layer | 3.0: 3.0; 3.2: 3.2 |" in table.document([*others, new, old])


def test_a_precision_that_differs_gets_a_line_of_its_own() -> None:
    half = [row for row in EVERY_ROW if row.precision == "HALF_LINEAR" and row.mode == "RGB"]
    changed = [Row(row.host, row.version, row.mode, row.precision, row.kind, "a sentence") for row in half]
    page = table.document([*(row for row in EVERY_ROW if row not in half), *changed])
    assert "| RGB | 16-bit float (linear) | a sentence |" in page
    assert "| RGB | 16-bit float (non-linear, perceptual) | the mask, half float |" in page


def test_nothing_is_written_of_a_run_with_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, folder = tmp_path / "hosts.md", tmp_path / "gimp-3.0"
    folder.mkdir()
    monkeypatch.setattr(table, "DOCUMENT", page)
    monkeypatch.setattr("sys.argv", ["hosts.table", str(tmp_path)])
    seen.write(folder / "hosts.json", EVERY_ROW[1:])
    with pytest.raises(SystemExit) as refusal:
        table.main()
    assert str(refusal.value).splitlines()[1:] == [f"missing: {EVERY_ROW[0]}"]
    assert not page.exists()
    seen.write(folder / "hosts.json", EVERY_ROW)
    table.main()
    assert page.read_text("utf-8") == table.document(EVERY_ROW)
