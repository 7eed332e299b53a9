"""The models on disk: put there by hand, fetched, damaged, replaced and removed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from hashlib import md5, sha256, sha384
from pathlib import Path

import pytest
from made_up import WEIGHTS, contents, installed_alone, nothing, obtain, refusal, spec
from matted.models import catalogue, origin
from matted.models.catalogue import CatalogueError
from matted.models.sources import DownloadError, Monitor, Unreachable
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted.system import atomic_file, subprocess_call
from matted_client import Rejected

FILE = "weights.onnx"  # on the shelf, where the tests run
SOURCE = Source("file", "shelf", path=FILE)
SPEC = spec(SOURCE)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the source of SPEC means. FILE is not in it yet."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def put(store: Store, content: bytes = WEIGHTS) -> Path:
    """Put the weights where a person would."""
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.placed(SPEC)[0]
    path.write_bytes(content)
    return path


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


# -- a file that was put there by hand -------------------------------------------------------------------------------


def test_weights_put_there_by_hand_are_taken_converted_and_gone(store: Store, shelf: Path) -> None:
    put(store)
    assert store.installed(SPEC)
    assert obtain(store, SPEC) == (False, [])
    assert installed_alone(store)
    assert store.installed(SPEC) and store.verify(SPEC) and store.installed_of([SPEC]) == {SPEC.id}


@pytest.mark.parametrize("content", [WEIGHTS[::-1], WEIGHTS[:-1], b""], ids=["other bytes", "too short", "empty"])
def test_other_weights_put_there_are_left_alone(store: Store, shelf: Path, content: bytes) -> None:
    path = put(store, content)
    (shelf / FILE).write_bytes(WEIGHTS)
    assert obtain(store, SPEC)[0]
    assert path.read_bytes() == content
    assert store.verify(SPEC)


@pytest.mark.parametrize(
    ("content", "installed"), [(WEIGHTS, True), (WEIGHTS[:-1], False), (b"", False), (None, False)]
)
def test_a_file_of_the_right_size_is_listed_as_installed(store: Store, content: bytes | None, installed: bool) -> None:
    if content is not None:
        put(store, content)
    assert store.installed(SPEC) is installed
    other = replace(SPEC, id="other")
    assert store.installed_of([SPEC, other]) == ({SPEC.id} if installed else set())


def test_a_file_put_there_ends_the_trouble(store: Store, shelf: Path) -> None:
    refusal(store, SPEC)
    put(store)
    assert obtain(store, SPEC) == (False, [])


def test_a_folder_in_the_place_of_the_file_does_not_matter(store: Store, shelf: Path) -> None:
    store.placed(SPEC)[0].mkdir(parents=True)
    (shelf / FILE).write_bytes(WEIGHTS)
    assert not store.installed(SPEC)
    assert obtain(store, SPEC)[0]


def test_a_hash_other_than_sha256_will_do(store: Store, shelf: Path) -> None:
    spec = replace(SPEC, sources=(replace(SPEC.sources[0], sha256="", sha384=sha384(WEIGHTS).hexdigest()),))
    put(store)
    assert store.obtain(spec, lambda fraction: None, nothing) is False
    put(store, WEIGHTS[::-1])
    store.remove(spec)
    put(store, WEIGHTS[::-1])
    refusal(store, spec)


# -- what is installed without files ---------------------------------------------------------------------------------


def test_what_is_a_part_of_matted_is_always_installed(store: Store) -> None:
    flat = catalogue.load().find("flat")
    assert store.installed(flat) and store.licences.accepted(flat) == ""
    store.require_installed(flat)
    store.licences.require(flat)
    assert contents(store.folder) == []


def test_a_model_that_is_not_there_is_refused_with_how_to_get_it(store: Store) -> None:
    with pytest.raises(Rejected, match="isnet-general-use is not on this computer") as refused:
        store.require_installed(catalogue.load().find("isnet-general-use"))
    assert refused.value.code == "model_not_installed"
    assert refused.value.hint == "Get it first: matted models pull isnet-general-use"


# -- an installed model ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store that has the model."""
    store = Store(tmp_path_factory.mktemp("converted") / "models")
    put(store)
    obtain(store, SPEC)
    return store.folder


@pytest.fixture
def model(store: Store, converted: Path) -> Store:
    """A store that has the model, in files of its own."""
    shutil.copytree(converted, store.folder)
    return store


def test_it_is_found_again_by_another_process(model: Store, shelf: Path) -> None:
    again = Store(model.folder)
    assert again.installed(SPEC) and obtain(again, SPEC) == (False, [])


def test_its_record_says_where_it_came_from(store: Store) -> None:
    put(store)
    obtain(store, SPEC)
    record = store.origin(SPEC)
    assert record is not None
    assert record.weights == f"sha256:{sha256(WEIGHTS).hexdigest()}"
    assert record.weights_bytes == len(WEIGHTS)
    assert record.source == str(store.placed(SPEC)[0])
    assert record.precision == "fp32" and "OpenVINO" in record.converter
    for name in ("model.xml", "model.bin"):
        content = (store.folder / SPEC.id / name).read_bytes()
        assert record.files[name].sha256 == sha256(content).hexdigest()
        assert record.files[name].bytes == len(content)
    assert store.size(SPEC) == sum(path.stat().st_size for path in (store.folder / SPEC.id).iterdir())


def test_only_the_wanted_output_is_kept(model: Store) -> None:
    from matted.models import convert

    assert len(convert.read(model.path(SPEC)).outputs) == 1


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_damaged_model_is_replaced(model: Store, shelf: Path, name: str, how: str) -> None:
    path = model.folder / SPEC.id / name
    before = path.read_bytes()
    if how == "changed":
        damage(path)
    elif how == "cut":
        path.write_bytes(before[:-1])
    else:
        path.unlink()
    assert not model.verify(SPEC)
    (shelf / FILE).write_bytes(WEIGHTS)
    for store in (model, Store(model.folder)):
        assert obtain(store, SPEC)[0] is (store is model)
    assert installed_alone(model) and Store(model.folder).verify(SPEC)


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"files": {}}', '{"files": 3}', "\x00"])
def test_a_model_with_a_record_that_says_nothing_is_replaced(model: Store, shelf: Path, record: str) -> None:
    (model.folder / SPEC.id / origin.ORIGIN_FILE).write_text(record)
    assert not model.installed(SPEC) and not model.verify(SPEC)
    (shelf / FILE).write_bytes(WEIGHTS)
    assert obtain(model, SPEC)[0]
    assert installed_alone(model)


def test_files_that_were_only_copied_are_read_once_and_stay(model: Store, shelf: Path) -> None:
    for name in ("model.xml", "model.bin"):
        os.utime(model.folder / SPEC.id / name, ns=(5, 5))
    assert obtain(model, SPEC) == (False, [])
    assert model.verify(SPEC)


@pytest.mark.parametrize("how", ["cut", "gone", "record"])
def test_a_model_that_lacks_a_part_is_told_from_one_that_was_never_there(store: Store, shelf: Path, how: str) -> None:
    assert not store.damaged(SPEC) and store.damaged_of([SPEC]) == set()
    put(store)
    obtain(store, SPEC)
    assert not store.damaged(SPEC) and store.damaged_of([SPEC]) == set()
    path = store.path(SPEC).with_suffix(".bin")
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif how == "gone":
        path.unlink()
    else:
        (store.folder / SPEC.id / origin.ORIGIN_FILE).write_text("{")
    assert store.damaged(SPEC) and store.damaged_of([SPEC]) == {SPEC.id} and store.installed_of([SPEC]) == set()


def test_a_damaged_model_that_cannot_be_fetched_is_missed(model: Store, shelf: Path) -> None:
    damage(model.folder / SPEC.id / "model.bin")
    refusal(model, SPEC)


def test_a_model_that_is_not_automatic_is_not_fetched(store: Store, shelf: Path) -> None:
    (shelf / FILE).write_bytes(WEIGHTS)
    refused = refusal(store, replace(SPEC, automatic=False))
    assert "matted models pull made-up" in refused.hint
    assert contents(store.folder) == []


def test_a_damaged_model_that_is_not_automatic_is_said_to_be_damaged(model: Store, shelf: Path) -> None:
    damage(model.folder / SPEC.id / "model.bin")
    assert "damaged" in refusal(model, replace(SPEC, automatic=False)).message


def test_removing_leaves_nothing(model: Store) -> None:
    put(model)
    size = model.size(SPEC)
    assert size > len(WEIGHTS)
    assert model.remove(SPEC) == size
    assert contents(model.folder) == []
    assert model.remove(SPEC) == 0


def test_other_models_stay_where_they_are(model: Store, shelf: Path) -> None:
    other = replace(SPEC, id="other")
    (shelf / FILE).write_bytes(WEIGHTS)
    obtain(model, other)
    model.remove(SPEC)
    assert contents(model.folder) == ["other"] and model.verify(other)


# -- licences ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [True, False])
def test_a_source_that_publishes_an_md5_alone_is_checked_by_that(store: Store, shelf: Path, right: bool) -> None:
    digest = md5(WEIGHTS).hexdigest() if right else md5(b"other").hexdigest()
    spec = replace(SPEC, sources=(replace(SPEC.sources[0], sha256="", md5=digest),))
    (shelf / FILE).write_bytes(WEIGHTS)
    if right:
        assert obtain(store, spec)[0]
        record = store.origin(spec)
        assert record is not None and record.weights == f"md5:{digest}"
    else:
        assert "not the expected file" in refusal(store, spec).message
        assert not store.installed(spec)


def no_matte(spec: ModelSpec, file: Path) -> int:
    assert file.is_file()
    raise CatalogueError("It is no matte.")


def test_what_was_never_seen_is_tried_and_kept_only_if_it_works(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess_call, "call", lambda function, *arguments: function(*arguments))
    (shelf / FILE).write_bytes(WEIGHTS)
    strict = Store(tmp_path / "models", no_matte)
    unseen = replace(SPEC, unseen=True, peak_bytes=1)
    assert "it was tried on a picture, and failed: It is no matte." in refusal(strict, unseen).message
    assert not strict.installed(unseen)
    assert obtain(strict, SPEC)[0], "what was seen is not tried"
    strict.remove(SPEC)
    with pytest.raises(Rejected) as refused:
        obtain(strict, replace(unseen, peak_bytes=1 << 60))
    assert refused.value.code == "out_of_memory"


def test_a_smaller_file_of_ones_own_needs_less_memory_to_be_tried(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess_call, "call", lambda function, *arguments: function(*arguments))
    mine = shelf / FILE
    mine.write_bytes(WEIGHTS)
    strict = Store(tmp_path / "models", lambda spec, file: 0)
    large = replace(
        SPEC, unseen=True, peak_bytes=1 << 60, sources=(replace(SPEC.sources[0], bytes=len(WEIGHTS) << 40),)
    )
    strict.pull(large, [Source("file", "mine", path=str(mine))], Monitor(), trust=True)
    assert strict.installed(large)


STRICT = replace(SPEC, accept=True, commercial=False)


def test_a_licence_has_to_be_accepted_before_the_model_is_used(model: Store) -> None:
    with pytest.raises(Rejected) as refused:
        obtain(model, STRICT)
    assert refused.value.code == "licence_not_accepted"
    assert STRICT.licence_url in refused.value.message and "matted models pull made-up" in refused.value.hint
    model.licences.accept(STRICT)
    assert obtain(model, STRICT) == (False, [])
    assert obtain(Store(model.folder), STRICT) == (False, [])


def test_an_acceptance_is_recorded_with_its_date_and_for_this_licence_only(store: Store) -> None:
    store.licences.accept(STRICT)
    record = json.loads((store.folder.parent / "licences.json").read_text())
    assert record["made-up"]["licence"] == STRICT.licence
    assert record["made-up"]["accepted"][:2] == "20" and record["made-up"]["accepted"].endswith("+00:00")
    assert store.licences.accepted(STRICT)
    assert not store.licences.accepted(replace(STRICT, licence="another"))
    store.licences.accept(replace(STRICT, id="second"))
    assert store.licences.accepted(STRICT) and store.licences.accepted(replace(STRICT, id="second"))


def test_what_is_accepted_is_the_licence_that_was_seen(store: Store) -> None:
    store.licences.accept_as_seen(SPEC, "anything")  # nothing is asked of its users
    assert not (store.folder.parent / "licences.json").exists()
    with pytest.raises(Rejected) as refused:
        store.licences.accept_as_seen(STRICT, "another")
    assert refused.value.code == "licence_not_accepted" and STRICT.licence in refused.value.message
    assert not store.licences.allows(STRICT)
    store.licences.accept_as_seen(STRICT, STRICT.licence)
    assert store.licences.allows(STRICT)


def test_with_a_variant_the_licence_of_its_original_is_accepted(store: Store) -> None:
    store.licences.accept_as_seen(replace(STRICT, id="variant", made_from=STRICT.id), STRICT.licence)
    assert store.licences.allows(STRICT)


def test_an_acceptance_that_cannot_be_recorded_is_an_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file, "write", full)
    with pytest.raises(Rejected, match="could not be recorded: No space left on device") as refused:
        store.licences.accept_as_seen(STRICT, STRICT.licence)
    assert refused.value.code == "internal"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"made-up": 3}', '{"made-up": {}}'])
def test_a_damaged_record_of_licences_accepts_nothing(store: Store, text: str) -> None:
    store.folder.mkdir(parents=True)
    (store.folder.parent / "licences.json").write_text(text)
    assert not store.licences.accepted(STRICT)
    store.licences.accept(STRICT)
    assert store.licences.accepted(STRICT)


# -- a model that is fetched -----------------------------------------------------------------------------------------


def test_a_fetched_model_is_not_fetched_again(store: Store, shelf: Path) -> None:
    (shelf / FILE).write_bytes(WEIGHTS)
    obtain(store, SPEC)
    assert obtain(store, SPEC) == (False, [])
    assert obtain(Store(store.folder), SPEC) == (False, [])


def test_the_second_source_is_used_when_the_first_fails(store: Store, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(WEIGHTS)
    mirror = Source("file", "mirror", path=str(tmp_path / "net.onnx"), sha256=sha256(WEIGHTS).hexdigest())
    assert obtain(store, replace(SPEC, sources=(SOURCE, mirror)))[0]
    assert installed_alone(store)
    assert (tmp_path / "net.onnx").exists(), "what is the user's stays the user's"


def test_a_source_that_has_to_be_asked_for_is_not_used_unasked(store: Store, shelf: Path) -> None:
    (shelf / FILE).write_bytes(WEIGHTS)
    for source in (replace(SPEC.sources[0], opt_in=True), replace(SPEC.sources[0], sha256="")):
        refusal(store, replace(SPEC, sources=(source,)))


# -- a download that fails -------------------------------------------------------------------------------------------


def test_a_bad_package_does_not_cost_the_model_that_is_there(model: Store, shelf: Path) -> None:
    (shelf / FILE).write_bytes(b"worse")
    with pytest.raises(Rejected):
        model.pull(SPEC, SPEC.sources, Monitor(), again=True)
    assert model.verify(SPEC) and installed_alone(model)


def test_weights_that_are_no_model_are_refused(store: Store, shelf: Path) -> None:
    content = b"not a model at all"
    spec = replace(SPEC, sources=(replace(SPEC.sources[0], bytes=len(content), sha256=sha256(content).hexdigest()),))
    (shelf / FILE).write_bytes(content)
    assert "could not be converted" in refusal(store, spec).message


def test_a_conversion_that_the_system_killed_is_not_tried_with_the_next_source(
    store: Store, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def killed(*arguments: object) -> None:
        calls.append(arguments)
        raise MemoryError

    monkeypatch.setattr(subprocess_call, "call", killed)
    (shelf / FILE).write_bytes(WEIGHTS)
    offers = [Source("file", "shelf", path=FILE), Source("file", "again", path=FILE)]
    with pytest.raises(Rejected, match="There is too little memory to install") as refused:
        store.pull(SPEC, offers, Monitor())
    assert refused.value.code == "out_of_memory" and len(calls) == 1
    assert contents(store.folder) == []


OFFLINE = Unreachable("one.invalid could not be reached (no address)")
ALSO_OFFLINE = Unreachable("two.invalid could not be reached (no address)")
OTHER_FILE = DownloadError("two.invalid has another file there")
CLOSED = DownloadError("three.invalid lets nobody in", "Log in.")
NONE_REACHED = "none of its sources could be reached, so this computer seems to be offline"


@pytest.mark.parametrize(
    ("failures", "why", "hint"),
    [
        ([OFFLINE], str(OFFLINE), "Go online"),
        ([OFFLINE, ALSO_OFFLINE], NONE_REACHED, "Go online"),
        ([OFFLINE, OTHER_FILE], str(OTHER_FILE), "Go online"),
        ([OTHER_FILE, OFFLINE], str(OTHER_FILE), "Go online"),
        ([OTHER_FILE, CLOSED], str(CLOSED), "Log in."),
        ([CLOSED, OFFLINE], str(CLOSED), "Log in."),
    ],
)
def test_where_every_source_failed_the_person_is_told_what_helps(
    store: Store, monkeypatch: pytest.MonkeyPatch, failures: list[DownloadError], why: str, hint: str
) -> None:
    coming = iter(failures)

    def fetch(*arguments: object) -> Path:
        raise next(coming)

    monkeypatch.setattr("matted.models.sources.fetch", fetch)
    spec = replace(SPEC, sources=tuple(replace(SPEC.sources[0], name=str(each)) for each in range(len(failures))))
    refused = refusal(store, spec)
    assert refused.message == f"The model made-up is not on this computer and could not be installed: {why}."
    assert refused.hint.startswith(hint)


@pytest.mark.parametrize(
    ("number", "why", "hint"),
    [
        (errno.ENOSPC, "the disk is full", "Make room on it, and try again."),
        (errno.ENOTDIR, os.strerror(errno.ENOTDIR), "Find out more with: matted doctor"),
    ],
)
def test_a_folder_that_cannot_be_written_is_not_told_as_a_download_that_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, why: str, hint: str
) -> None:
    def fetch(*arguments: object) -> Path:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("matted.models.sources.fetch", fetch)
    refused = refusal(store, SPEC)
    assert refused.message == f"The model made-up is not on this computer and could not be installed: {why}."
    assert refused.hint == hint


def test_what_another_process_has_downloaded_meanwhile_was_not_downloaded_here(
    store: Store, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shelf / FILE).write_bytes(WEIGHTS)
    intact = Store._intact

    def overtaken(one: Store, spec: ModelSpec) -> bool:
        found = intact(one, spec)
        if one is store and not found:
            obtain(Store(store.folder), spec)
        return found

    monkeypatch.setattr(Store, "_intact", overtaken)
    assert obtain(store, SPEC)[0] is False and store.verify(SPEC)


def test_a_later_attempt_can_succeed(store: Store, shelf: Path) -> None:
    refusal(store, SPEC)
    (shelf / FILE).write_bytes(WEIGHTS)
    assert obtain(store, SPEC)[0]


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal(Store(tmp_path / "file" / "models"), SPEC)
