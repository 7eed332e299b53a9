"""What the functions ask the daemon, and what they refuse before: with a daemon that is a stand-in."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matted
import numpy as np
import pytest
from conftest import PATIENCE
from matted.files import connection
from matted.files.pictures import PictureError
from matted.library import session
from matted.library.keywords import OTHERS, MaskKeywords, RefineKeywords, RemoveKeywords
from matted_client import MattedError, Rejected, Unavailable, messages, options
from matted_client.formats import BYTES_PER_PIXEL
from matted_client.messages import MaskResult, Progress
from matted_client.options import MaskOptions, RefineOptions
from matted_client.pictures import Mask
from PIL import Image

PICTURE = np.random.default_rng(3).integers(0, 256, (30, 40, 3)).astype(np.uint8)


@dataclass
class Daemon:
    """A stand-in for the daemon: every pixel of the left half is subject. It notes what it is asked.

    gone: how many more questions find it gone.
    """

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    connections: list[Connected] = field(default_factory=list)
    gone: int = 0
    meeting: threading.Barrier | None = None

    def connect(self, client: str, **_: Any) -> Connected:
        self.connections.append(Connected(self))
        return self.connections[-1]

    def answer(self, op: str, width: int, height: int, **fields: Any) -> Mask:
        if self.gone:
            self.gone -= 1
            raise Unavailable("It has ended.")
        if self.meeting is not None:
            self.meeting.wait(PATIENCE)
        fields["on_progress"](Progress("inference", 0.5))
        if fields["cancelled"]():
            raise Rejected(messages.CANCELLED, "Cancelled.")
        self.asked.append((op, fields))
        depth = fields.get("depth", 8)
        mask = np.zeros((height, width), np.uint8 if depth == 8 else np.uint16)
        mask[:, : width // 2] = np.iinfo(mask.dtype).max
        return Mask(bytearray(mask.tobytes()), MaskResult(width, height, depth, f"{width}", "CPU", 0.5))


@dataclass
class Connected:
    """A connection to it."""

    daemon: Daemon
    open_pictures: list[Kept] = field(default_factory=list)
    closed: bool = False

    def mask(self, pixels: Any, width: int, height: int, format: str, **fields: Any) -> Mask:
        assert len(pixels) == width * height * BYTES_PER_PIXEL[format]
        return self.daemon.answer("mask", width, height, pixels=pixels, format=format, **fields)

    def refine(self, pixels: Any, width: int, height: int, format: str, **fields: Any) -> Mask:
        return self.daemon.answer("refine", width, height, pixels=pixels, format=format, **fields)

    def open(self, pixels: Any, width: int, height: int, format: str, plate: Any, cancelled: Any) -> Kept:
        self.open_pictures.append(Kept(self.daemon, width, height, plate))
        return self.open_pictures[-1]

    def close(self) -> None:
        self.closed = True


@dataclass
class Kept:
    """A picture that it keeps."""

    daemon: Daemon
    width: int
    height: int
    plate: Any
    closed: bool = False

    def mask(self, **fields: Any) -> Mask:
        return self.daemon.answer("mask of what is open", self.width, self.height, **fields)

    def refine(self, **fields: Any) -> Mask:
        return self.daemon.answer("refine what is open", self.width, self.height, **fields)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    standin = Daemon()
    monkeypatch.setattr(connection, "connect", standin.connect)
    return standin


@pytest.fixture
def new(daemon: Daemon) -> Iterator[session.Session]:
    with session.Session() as made:
        yield made


# -- what is asked ---------------------------------------------------------------------------------------------------


def test_a_call_asks_with_the_options_that_it_was_given(daemon: Daemon, new: session.Session) -> None:
    new.remove(PICTURE, model="flat", threshold=0.25, holes="open", box=(1, 2, 30, 20), keep=[(3, 4)], drop=((5, 6),))
    [(op, fields)] = daemon.asked
    assert op == "mask" and fields["pixels"] == PICTURE.tobytes() and fields["format"] == "RGB8"
    wanted = {"model": "flat", "threshold": 0.25, "holes": "open", "box": [1, 2, 30, 20], "foreground": True}
    assert {name: fields[name] for name in wanted} == wanted
    assert (fields["keep"], fields["drop"]) == ([[3, 4]], [[5, 6]])
    assert fields["depth"] == 8 and "hint" not in fields and "plate" not in fields


def test_every_option_may_be_given_its_default(daemon: Daemon, new: session.Session) -> None:
    for kind, ask in (
        (MaskOptions, new.mask),
        (RefineOptions, lambda picture, **how: new.refine(picture, MASK, **how)),
    ):
        values = {name: entry.default for name, entry in options.entries(kind).items()}
        ask(PICTURE, **values)
        assert values.items() <= daemon.asked[-1][1].items()


MASK = np.zeros((30, 40), np.uint8)
MASK[5:25, 10:30] = 255


def test_numbers_of_numpy_are_numbers(daemon: Daemon, new: session.Session) -> None:
    new.mask(PICTURE, threshold=np.float32(0.5), grow=np.int64(3), box=np.array([0, 0, 9, 9]), keep=np.array([[1, 2]]))
    fields = daemon.asked[0][1]
    assert (fields["threshold"], fields["grow"], fields["box"], fields["keep"]) == (0.5, 3, [0, 0, 9, 9], [[1, 2]])
    assert type(fields["grow"]) is int


def test_colours_are_asked_for_by_cut_outs_alone(daemon: Daemon, new: session.Session) -> None:
    new.remove(PICTURE)
    new.remove(PICTURE, clean_colours=False)
    new.mask(PICTURE)
    new.refine(PICTURE, MASK)
    new.refine(PICTURE, MASK, cut_out=True)
    assert [fields["foreground"] for _, fields in daemon.asked] == [True, False, False, False, True]


def test_a_picture_of_more_than_8_bits_gets_a_mask_of_16(daemon: Daemon, new: session.Session) -> None:
    mask = new.mask(PICTURE.astype(np.float32) / 255)
    assert daemon.asked[0][1]["depth"] == 16
    np.testing.assert_array_equal(mask[0], [1.0] * 20 + [0.0] * 20)


def test_what_is_refined_is_a_mask_of_any_kind(daemon: Daemon, new: session.Session) -> None:
    masks = MASK, MASK > 0, Image.fromarray(MASK), MASK.astype(np.uint16) * 257, MASK / 255.0, np.dstack([MASK] * 3)
    for mask in masks:
        refined = new.refine(PICTURE, mask, reach=4)
        op, fields = daemon.asked[-1]
        assert (op, fields["hint"], fields["reach"]) == ("refine", MASK.tobytes(), 4)
        assert refined.shape == (30, 40)
    assert new.refine(PICTURE, MASK, cut_out=True).shape == (30, 40, 4)


def test_a_hint_and_a_plate_are_sent(daemon: Daemon, new: session.Session, tmp_path: Path) -> None:
    hint = tmp_path / "hint.png"
    Image.fromarray(MASK).save(hint)
    rgba = np.dstack([PICTURE, np.full((30, 40), 255, np.uint8)])
    new.mask(rgba, hint=str(hint), plate=PICTURE)
    fields = daemon.asked[0][1]
    assert fields["hint"] == MASK.tobytes()
    assert fields["plate"] == rgba.tobytes(), "in the format of the picture"


def test_progress_is_told_and_a_call_can_be_cancelled(daemon: Daemon, new: session.Session) -> None:
    seen: list[Progress] = []
    new.mask(PICTURE, progress=seen.append)
    assert seen == [Progress("inference", 0.5)]
    with pytest.raises(Rejected) as refusal:
        new.mask(PICTURE, cancelled=lambda: True)
    assert refusal.value.code == "cancelled"


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threshold": 2}, r"threshold=2 is out of range: it has to be a number from 0 to 1 or nothing"),
        ({"edges": "soft"}, r"edges='soft' is out of range: it has to be one of off, fine, hair"),
        ({"grow": 1.5}, r"grow=1.5 is of a wrong type: it has to be a whole number from -100 to 100"),
        ({"keep": [(1, 2, 3)]}, r"keep=\[\(1, 2, 3\)\] is with a wrong entry"),
        ({"box": (1, 2)}, r"box=\(1, 2\) is out of range"),
    ],
)
def test_a_value_that_no_request_can_have_is_refused(
    daemon: Daemon, new: session.Session, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(Rejected, match=said) as refusal:
        new.mask(PICTURE, **given)
    assert refusal.value.code == "bad_request" and not daemon.asked


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hint": np.zeros((3, 4), np.uint8)}, "<hint> has 4 x 3 pixels, the picture <picture> 40 x 30"),
        ({"hint": PICTURE}, "<hint> is in colour, and a mask is grey"),
        ({"plate": PICTURE[:9]}, "<plate> has 40 x 9 pixels, <picture> 40 x 30"),
        ({"target": "out.txt"}, "The ending of out.txt names no format"),
        ({"target": "out"}, "The ending of out names no format"),
        ({"target": "out.jpg"}, "A JPEG cannot be transparent, and a cut-out is. Give it a background"),
        ({"target": "out.png", "quality": 80}, "PNG has no quality"),
        ({"background": "no colour"}, "no colour is no colour"),
        ({"background": (1, 2)}, "is no colour"),
        ({"background": (1, 2, 300)}, r"rgb\(1,2,300\) has a number above 255"),
        ({"quality": 80}, "quality is of use with a target alone"),
        ({"target": "out.webp", "quality": 0}, "quality has to be a whole number, 1 to 100, not 0"),
        ({"target": "out.webp", "quality": "high"}, "quality has to be a whole number"),
        ({"page": 0}, "page has to be a whole number, 1 to 10000, not 0"),
        ({"size": 5}, "A size is width and height in pixels, .*, not 5"),
        ({"crop": "a lot"}, "A margin is pixels or percent"),
        ({"size": (0, 9)}, "A size is width and height"),
        ({"add_shadow": 101}, "A shadow is 1 to 100 percent dark"),
    ],
)
def test_what_cannot_be_is_said_before_the_daemon_is_asked(
    daemon: Daemon, new: session.Session, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(MattedError, match=said):
        new.remove(PICTURE, **given)
    assert not daemon.asked


def test_an_unknown_keyword_is_a_type_error_that_names_those_there_are(daemon: Daemon, new: session.Session) -> None:
    unknown: dict[str, Any] = {"only_mask": True}
    with pytest.raises(TypeError, match=r"remove\(\) has no argument 'only_mask'\. It has: .*model.*clean_colours"):
        new.remove(PICTURE, **unknown)
    for name in ("background", "clean_colours"):
        with pytest.raises(TypeError, match=rf"mask\(\) has no argument '{name}'"):
            new.mask(PICTURE, **{name: None})  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"refine\(\) has no argument 'plate'"):
        new.refine(PICTURE, MASK, plate=None)  # type: ignore[call-overload]


def test_a_mask_has_no_background(daemon: Daemon, new: session.Session) -> None:
    with pytest.raises(MattedError, match="A mask has no background"):
        new.refine(PICTURE, MASK, background="white")
    assert new.refine(PICTURE, MASK, background="white", cut_out=True).shape == (30, 40, 3)


# -- files and frames ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_target_is_written_and_returned(daemon: Daemon, new: session.Session, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "folder" / f"out{suffix}"
    deep = PICTURE.astype(np.uint16) * 257
    assert new.remove(deep, str(target)) == target
    assert new.remove(deep, target) == target, "which it replaces"
    with Image.open(target) as image:
        assert (image.mode, image.size) == ("RGBA", (40, 30))
    assert new.mask(PICTURE, tmp_path / "mask.jpg", quality=50).exists()
    assert new.remove(PICTURE, tmp_path / "out.jpg", background="white").exists()


def test_the_picture_itself_is_no_target(daemon: Daemon, new: session.Session, tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(PICTURE).save(path)
    content = path.read_bytes()
    with pytest.raises(PictureError, match="is the picture itself"):
        new.remove(path, tmp_path / "." / "in.png")
    assert path.read_bytes() == content


def test_nothing_that_is_read_is_a_target(daemon: Daemon, new: session.Session, tmp_path: Path) -> None:
    for name, picture in (("scene", PICTURE), ("mask", MASK)):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    scene, mask = tmp_path / "scene.png", tmp_path / "mask.png"
    before = scene.read_bytes(), mask.read_bytes()
    for how in ({"background": str(scene)}, {"background": scene}, {"plate": scene}):
        with pytest.raises(PictureError, match=f"is the {next(iter(how))} itself"):
            new.remove(PICTURE, scene, **how)  # type: ignore[call-overload]
    with pytest.raises(PictureError, match="is the hint itself"):
        new.remove(PICTURE, mask, hint=mask)
    with pytest.raises(PictureError, match="is the mask itself"):
        new.refine(PICTURE, str(mask), mask)
    assert (scene.read_bytes(), mask.read_bytes()) == before and not daemon.asked


def test_a_plate_of_an_open_picture_is_no_target(daemon: Daemon, new: session.Session, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "plate.png")
    before = (tmp_path / "plate.png").read_bytes()
    with new.open(PICTURE, plate=str(tmp_path / "plate.png")) as opened:
        with pytest.raises(PictureError, match="is the plate itself"):
            opened.remove(tmp_path / "plate.png")
    assert (tmp_path / "plate.png").read_bytes() == before


@pytest.mark.parametrize("name", ["b\0.png", "b\ud800.png", "\0/b.png"])
def test_what_can_be_no_files_name_is_refused(daemon: Daemon, new: session.Session, tmp_path: Path, name: str) -> None:
    where = str(tmp_path / name)
    calls: list[Callable[[], Any]] = [
        lambda: new.remove(PICTURE, where),
        lambda: new.mask(PICTURE, where),
        lambda: new.refine(PICTURE, MASK, where),
        lambda: new.remove(where),
        lambda: new.remove(PICTURE, plate=where),
        lambda: new.remove(PICTURE, hint=where),
        lambda: new.remove(PICTURE, background=Path(where)),
        lambda: new.open(where),
    ]
    for call in calls:
        with pytest.raises(PictureError, match=r"can be no file's name"):
            call()
    with pytest.raises(MattedError, match="is no colour, and there is no such file"):
        new.remove(PICTURE, background=where)
    assert not daemon.asked


def test_a_target_that_cannot_be_written_is_refused_before_the_work(
    daemon: Daemon, new: session.Session, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match=r"out\.png cannot be written: .*file is no folder"):
        new.remove(PICTURE, tmp_path / "file" / "more" / "out.png")
    with pytest.raises(PictureError, match="there is a folder of that name"):
        new.remove(PICTURE, tmp_path / "folder.png")
    assert not daemon.asked


def test_a_refined_mask_has_to_be_given(daemon: Daemon, new: session.Session) -> None:
    with pytest.raises(TypeError, match=r"<mask> has to be a path, .*, not NoneType"):
        new.refine(PICTURE, None)  # type: ignore[call-overload]


def test_a_result_is_framed(daemon: Daemon, new: session.Session) -> None:
    assert new.remove(PICTURE, crop=0).shape == (30, 20, 4)
    assert new.mask(PICTURE, crop="0%").shape == (30, 20)
    assert new.remove(PICTURE, size=(10, 10)).shape == (10, 10, 4)
    assert new.remove(Image.fromarray(PICTURE), square=True, background="#ff0000").mode == "RGB"
    white = new.remove(PICTURE, background="white")
    np.testing.assert_array_equal(new.remove(PICTURE, background=(255, 255, 255)), white)
    np.testing.assert_array_equal(white[:, :20], PICTURE[:, :20])
    assert (white[:, 20:] == 255).all()
    scene = new.remove(PICTURE, background=PICTURE[:, ::-1])
    np.testing.assert_array_equal(scene[:, 20:], PICTURE[:, ::-1][:, 20:])


# -- connections -----------------------------------------------------------------------------------------------------


def test_a_session_keeps_its_connection_and_a_function_does_not(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session.Session() as made:
        for _ in range(3):
            made.mask(PICTURE)
        assert [each.closed for each in daemon.connections] == [False]
    assert daemon.connections[0].closed
    for function in (session.remove, session.mask):
        function(PICTURE)
        assert daemon.connections[-1].closed
    assert len(daemon.connections) == 3
    with pytest.raises(MattedError, match="The session is closed"):
        made.mask(PICTURE)


def test_a_daemon_that_has_ended_is_asked_anew(daemon: Daemon, new: session.Session) -> None:
    new.mask(PICTURE)
    daemon.gone = 1
    assert new.mask(PICTURE).shape == (30, 40)
    assert [each.closed for each in daemon.connections] == [True, False]
    daemon.gone = 2
    with pytest.raises(Unavailable):
        new.mask(PICTURE)


def test_threads_ask_at_the_same_time_and_each_has_its_own_info(daemon: Daemon, new: session.Session) -> None:
    daemon.meeting = threading.Barrier(3)
    found: dict[int, str] = {}

    def work(width: int) -> None:
        new.mask(PICTURE[:, :width])
        assert new.info is not None
        found[width] = new.info.model

    threads = [threading.Thread(target=work, args=(width,)) for width in (10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == {10: "10", 20: "20", 30: "30"}
    assert len(daemon.connections) == 3
    assert new.info is None, "this thread has asked nothing"


# -- open pictures ---------------------------------------------------------------------------------------------------


def test_a_picture_is_sent_once_for_several_questions(daemon: Daemon, new: session.Session) -> None:
    with new.open(PICTURE, plate=PICTURE[::-1]) as picture:
        assert picture.mask().shape == (30, 40)
        assert picture.mask(keep=[(1, 2)]).shape == (30, 40)
        assert picture.remove(crop=0).shape == (30, 20, 4)
        assert picture.refine(MASK).shape == (30, 40)
        [kept] = daemon.connections[0].open_pictures
        assert kept.plate == PICTURE[::-1].tobytes() and not kept.closed
    assert kept.closed
    assert [op for op, _ in daemon.asked] == ["mask of what is open"] * 3 + ["refine what is open"]
    assert daemon.asked[1][1]["keep"] == [[1, 2]]
    assert new.info is not None
    with pytest.raises(MattedError, match="The picture is closed"):
        picture.mask()


def test_an_open_picture_is_sent_again_to_a_new_daemon(daemon: Daemon, new: session.Session) -> None:
    with new.open(PICTURE) as picture:
        picture.mask()
        daemon.gone = 1
        picture.mask()
    assert [len(each.open_pictures) for each in daemon.connections] == [1, 1]


def test_what_is_said_when_a_picture_is_opened_cannot_be_said_later(daemon: Daemon, new: session.Session) -> None:
    with new.open(PICTURE) as picture, pytest.raises(MattedError, match="plate is of no use"):
        picture.mask(plate=PICTURE)


# -- the interface ---------------------------------------------------------------------------------------------------


def annotation(entry: options.Option) -> str:
    """The type of an option as it is written."""
    if entry.choices:
        return "Literal[{}]".format(", ".join(repr(choice.value) for choice in entry.choices))
    kind = {options.YES_NO: "bool", options.WHOLE: "int", options.NUMBER: "float"}.get(entry.kind, "str")
    return kind + (" | None" if entry.default is None else "")


@pytest.mark.parametrize(
    ("kind", "typed"), [(MaskOptions, MaskKeywords), (MaskOptions, RemoveKeywords), (RefineOptions, RefineKeywords)]
)
def test_the_types_of_the_keywords_are_those_of_the_options(kind: Any, typed: Any) -> None:
    types = {name: found.__forward_arg__ for name, found in typed.__annotations__.items()}
    entries = options.entries(kind)
    assert {name: types.get(name) for name in entries} == {name: annotation(entry) for name, entry in entries.items()}
    assert set(types) - set(entries) <= set(OTHERS)
    assert not set(OTHERS) & set(entries)


@pytest.mark.parametrize(
    ("function", "kind", "typed"),
    [
        (session.remove, MaskOptions, RemoveKeywords),
        (session.mask, MaskOptions, MaskKeywords),
        (session.refine, RefineOptions, RefineKeywords),
    ],
)
def test_signature_and_help_name_every_keyword_with_its_default(function: Any, kind: Any, typed: Any) -> None:
    parameters = inspect.signature(function).parameters
    assert set(typed.__annotations__) == set(parameters) - {"picture", "mask", "target"}
    for name, entry in options.entries(kind).items():
        assert parameters[name].default == entry.default
        assert f"\n{name}: {entry.sentences}" in inspect.getdoc(function)
    for name in set(typed.__annotations__) - set(options.entries(kind)):
        assert parameters[name].default == OTHERS[name][0]


def test_the_defaults_of_what_is_no_option_are_what_is_done_without_it(daemon: Daemon, new: session.Session) -> None:
    names = RemoveKeywords.__annotations__.keys() & OTHERS.keys()
    plain = new.remove(PICTURE)
    explicit: dict[str, Any] = {name: OTHERS[name][0] for name in names}
    np.testing.assert_array_equal(new.remove(PICTURE, **explicit), plain)
    fields, others = (fields for _, fields in daemon.asked)
    ignored = {"on_progress", "cancelled"}
    empty = {"box": None, "keep": [], "drop": []}
    assert {**empty, **{name: each for name, each in fields.items() if name not in ignored}} == {
        name: each for name, each in others.items() if name not in ignored
    }


def test_all_that_the_package_gives_is_there() -> None:
    for name in matted.__all__:
        assert getattr(matted, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'removal'"):
        matted.removal  # type: ignore[attr-defined]  # noqa: B018
