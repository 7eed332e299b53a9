"""A user's own models.toml: what a command does to it, and to the store, when something fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphs import small
from matted.models import catalogue, own
from matted.models.catalogue import CatalogueError
from matted.models.spec import ModelSpec
from matted.models.store import Store

Add = Callable[[own.TryOut], ModelSpec]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    return tmp_path / catalogue.OWN_FILE


@pytest.fixture
def add(tmp_path: Path, store: Store, own_file: Path) -> Add:
    """add(try_out) adds a small model with the id "mine"."""
    known, file = catalogue.load(own_file), small.isnet_like(tmp_path / "net.onnx")
    fields, like = {"id": "mine", "title": "Mine"}, known.find("rmbg-1.4")
    return lambda try_out: own.add(file, fields, like, known, own_file, store, try_out)


def files(store: Store) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


def test_the_spec_says_what_the_trial_found(add: Add, store: Store, own_file: Path) -> None:
    add(lambda spec, path: 320)
    spec = catalogue.load(own_file).find("mine")
    assert spec.own and spec.side == 320 and store.installed(spec)
    own.forget("mine", own_file)
    assert own_file.read_text() == ""


@pytest.mark.parametrize("text", [b"[[model", b'[[model]]\nid = "x"\n', b"# caf\xe9\n", b"model = 3\n"])
def test_a_file_that_cannot_be_used_stays_as_it_is(add: Add, store: Store, own_file: Path, text: bytes) -> None:
    """It became so while the model was tried."""

    def spoil(spec: ModelSpec, path: Path) -> int:
        own_file.write_bytes(text)
        return spec.side

    with pytest.raises(CatalogueError) as failure:
        add(spoil)
    assert failure.value.message.startswith(str(own_file))
    assert own_file.read_bytes() == text and files(store) == []


def test_a_model_that_fails_its_trial_leaves_nothing(add: Add, store: Store, own_file: Path) -> None:
    def fail(spec: ModelSpec, path: Path) -> int:
        assert path.is_file()
        raise CatalogueError("It does not work.")

    with pytest.raises(CatalogueError, match="does not work"):
        add(fail)
    assert not own_file.exists() and files(store) == []


def test_a_command_that_is_interrupted_leaves_nothing(
    add: Add, store: Store, own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just when the files have got their place, and before anything else is done."""
    pull = Store.pull

    def interrupted(store: Store, *arguments: Any, **more: Any) -> bool:
        pull(store, *arguments, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "pull", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add(lambda spec, path: spec.side)
    assert not own_file.exists() and files(store) == [] and not (store.folder / "mine").exists()


def test_a_model_that_another_process_has_added_meanwhile_keeps_its_files(
    add: Add, store: Store, own_file: Path
) -> None:
    def overtaken(spec: ModelSpec, path: Path) -> int:
        add(lambda *same: spec.side)
        return spec.side

    with pytest.raises(CatalogueError, match="Another command has added mine meanwhile"):
        add(overtaken)
    spec = catalogue.load(own_file).find("mine")
    assert isinstance(spec, ModelSpec) and store.verify(spec)
