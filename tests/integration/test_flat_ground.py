"""Drawings, logos and scans on flat grounds, with a real daemon on a computer that has no model and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import made_graphics
import numpy as np
import pytest
from canvas import Canvas, Colour, Floats, blurred, composed, even, rounded
from conftest import OFFLINE, PHOTOGRAPHS, Daemon
from matted.evaluation.scores import iou
from matted_client import Rejected
from matted_client.client import OpenPicture, Session
from matted_client.pictures import Mask
from numpy.typing import NDArray
from PIL import Image
from scoring import composed_again, scores, share_within
from sheet import WHITE, Made

Bytes = NDArray[np.uint8]

CHELSEA = PHOTOGRAPHS / "chelsea.jpg"
KINDS = list(made_graphics.KINDS)
NOISY = {"logo_jpeg", "line_paper", "ink_blue", "green_screen"}
SEEDS = (101, 102, 103)
WIDTH, HEIGHT = 300, 220  # of what is drawn here
BLUE: Colour = (30, 60, 180)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon without any model. It cannot get one, and nobody makes it try."""
    daemon = Daemon(tmp_path_factory.mktemp("bare"), None)
    daemon.environ.update(OFFLINE)
    daemon.start()
    yield daemon
    assert not list(daemon.data.rglob("*.*")) and daemon.engines() == []
    daemon.end()


@pytest.fixture(scope="module")
def session(bare: Daemon) -> Iterator[Session]:
    with bare.session() as opened:
        yield opened


def made(kind: str, seed: int = SEEDS[0], width: int = 600, height: int = 420) -> Made:
    return made_graphics.make(kind, seed, width, height)


def mask(asked: Session | OpenPicture, picture: Bytes | None = None, format: str = "RGB8", **options: Any) -> Mask:
    """Ask for a mask of a picture, height x width or height x width x channels; None: of the open one."""
    if picture is None:
        assert isinstance(asked, OpenPicture)
        return asked.mask(**options)
    assert isinstance(asked, Session)
    height, width = picture.shape[:2]
    return asked.mask(np.ascontiguousarray(picture).tobytes(), width, height, format, **options)


def alpha(answer: Mask) -> NDArray[Any]:
    samples = np.frombuffer(answer.alpha, np.uint8 if answer.info.depth == 8 else "<u2")
    return samples.reshape(answer.info.height, answer.info.width)


def drawn(draw: Callable[[Canvas], None], ink: Colour = BLUE, ground: Colour = WHITE) -> Bytes:
    """Draw in one ink on an even ground: WIDTH x HEIGHT, R, G, B."""
    canvas = Canvas(WIDTH, HEIGHT)
    draw(canvas)
    return rounded(composed(canvas.coverage(), ink, even(WIDTH, HEIGHT, ground)))


def ring_and_disc(canvas: Canvas) -> None:
    canvas.ring((90, 110), 70, 45)
    canvas.disc((230, 110), 40)


HOLE, RING, DISC, OUTSIDE = [90, 110], [90, 52], [230, 110], [150, 10]  # x, y in the picture of a ring and a disc


def at(shown: NDArray[Any], *points: list[int]) -> list[int]:
    return [int(shown[y, x]) for x, y in points]


# -- chosen by itself --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_needs_no_model_and_the_result_says_why(session: Session, kind: str) -> None:
    picture = made(kind)
    info = mask(session, picture.picture).info
    assert (info.model, info.device, info.chosen, info.second_look) == ("flat", "", True, False)
    assert info.ground == picture.ground_kind and 0.5 <= info.confidence <= 1
    assert np.abs(np.array(info.ground_colour) - picture.ground.mean((0, 1))).max() <= 4
    assert {"ground", "edges", "mask"} <= set(info.timings)
    status = session.status()
    told = {name: getattr(info, name) for name in ("model", "ground", "ground_colour", "chosen", "reason")}
    assert status["chosen"] == told and status["loaded"] == []


def test_all_sizes_work(session: Session) -> None:
    for width, height in ((48, 64), (1600, 90), (2400, 1700)):
        picture = drawn(ring_and_disc)
        seen = np.asarray(Image.fromarray(picture).resize((width, height)))
        answer = mask(session, seen)
        assert answer.info.chosen and alpha(answer).shape == (height, width)
        assert alpha(answer)[round(0.5 * height), round(0.77 * width)] == 255


def test_a_photograph_gets_the_model_of_the_settings(daemon: Daemon) -> None:
    with Image.open(CHELSEA) as photograph, daemon.session() as asked:
        cat = np.asarray(photograph.convert("RGB"))
        info = mask(asked, cat).info
        assert (info.model, info.ground, info.ground_colour) == ("u2netp", "", [])
        assert (info.chosen, info.reason) == (True, "only")
        assert asked.status()["chosen"]["model"] == "u2netp"
        assert mask(asked, drawn(ring_and_disc)).info.chosen
        named = mask(asked, drawn(ring_and_disc), model="u2netp").info
        assert (named.model, named.chosen) == ("u2netp", False)
        flat = mask(asked, drawn(ring_and_disc), model="flat").info
        assert (flat.model, flat.chosen, flat.ground) == ("flat", False, "colour")
        with pytest.raises(Rejected) as refused:
            mask(asked, cat, model="flat")
        assert refused.value.code == "no_ground"


def test_a_photograph_still_needs_a_model_on_a_computer_without_one(bare: Daemon, tmp_path: Path) -> None:
    done = bare.run("remove", str(CHELSEA), "-o", str(tmp_path / "cat.png"))
    assert done.returncode == 1 and "u2netp" in done.stderr and not (tmp_path / "cat.png").exists()
    Image.fromarray(drawn(ring_and_disc)).save(tmp_path / "drawing.png")
    done = bare.run("remove", str(tmp_path / "drawing.png"), "-o", str(tmp_path / "out.png"))
    assert done.returncode == 0 and "Flat ground: white. No model was needed." in done.stderr
    with Image.open(tmp_path / "out.png") as cut:
        assert at(np.asarray(cut)[:, :, 3], HOLE, RING, DISC, OUTSIDE) == [0, 255, 255, 0]


def test_the_setting_is_read_again(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon(weights=None)
    daemon.environ.update(OFFLINE)
    daemon.start()
    with daemon.session() as asked:
        with asked.open(drawn(ring_and_disc).tobytes(), WIDTH, HEIGHT, "RGB8") as picture:
            assert picture.mask().info.chosen
            daemon.write_settings('flat_ground = "off"')
            assert daemon.run("reload").returncode == 0
            assert asked.status()["flat_ground"] == "off"
            with pytest.raises(Rejected) as refused:
                picture.mask()
            assert refused.value.code == "model_not_installed"
            daemon.write_settings("")
            assert daemon.run("reload").returncode == 0
            assert picture.mask().info.chosen


def test_several_clients_each_get_what_their_pictures_need(daemon: Daemon) -> None:
    with Image.open(CHELSEA) as photograph:
        cat = np.asarray(photograph.convert("RGB"))
    pictures = [(cat, "u2netp"), (drawn(ring_and_disc), "flat")] * 3

    def ask(number: int) -> list[str]:
        with daemon.session() as asked:
            turn = pictures[number:] + pictures[:number]
            return [mask(asked, picture).info.model == maker for picture, maker in turn]

    with ThreadPoolExecutor(4) as clients:
        assert all(all(right) for right in clients.map(ask, range(4)))
    with daemon.session() as asked:
        assert asked.status()["jobs"] == []


# -- what the mask is --------------------------------------------------------------------------------------------------


def test_the_masks_are_as_good_as_they_have_to_be(session: Session) -> None:
    """The means over all kinds, in pictures whose alpha is known."""
    each = []
    for kind in KINDS:
        for seed in SEEDS:
            picture = made_graphics.make(kind, seed)
            shown = alpha(mask(session, picture.picture)) / 255
            found = scores(shown, picture.alpha)
            told = np.abs(picture.alpha - 0.5) > 1 / 255  # of half a pixel, rounding decides whether it is above 0.5
            each.append((iou(shown[told], picture.alpha[told]), found.mad, found.grad, found.band))
    overlap, mad, grad, band = np.mean(each, axis=0)
    assert overlap >= 0.97 and mad <= 6 and grad <= 0.03 and band <= 12, (overlap, mad, grad, band)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOISY])
def test_over_its_ground_a_cut_out_is_the_picture_again(session: Session, kind: str) -> None:
    picture = made(kind)
    answer = mask(session, picture.picture, foreground=True)
    assert answer.foreground is not None
    cut = np.frombuffer(answer.foreground, np.uint8).reshape(*picture.alpha.shape, 4)
    np.testing.assert_array_equal(cut[:, :, 3], alpha(answer))
    ground: Floats | Colour = picture.ground if answer.info.ground == "ramp" else answer.info.ground_colour
    assert share_within(composed_again(cut, ground), picture.picture, 2) >= 0.999


def test_the_colour_of_the_ground_is_in_no_soft_edge(session: Session) -> None:
    """A fringe is what is seen of the ground over another one: the ink has to be the same at the edge as inside."""
    picture = drawn(lambda canvas: canvas.disc((150, 110), 80), BLUE, (250, 230, 40))
    answer = mask(session, picture, foreground=True)
    assert answer.foreground is not None
    cut = np.frombuffer(answer.foreground, np.uint8).reshape(HEIGHT, WIDTH, 4).astype(int)
    soft = (cut[:, :, 3] > 40) & (cut[:, :, 3] < 255)
    assert soft.any() and np.abs(cut[soft][:, :3] - np.array(BLUE)).max() <= 4


@pytest.mark.parametrize("kind", ["logo_colour", "line_paper", "drawing_ramp"])
def test_by_pixels_by_handle_and_by_view_a_mask_is_the_same(session: Session, kind: str) -> None:
    picture = made(kind)
    height, width = picture.alpha.shape
    sent = mask(session, picture.picture)
    whole = alpha(sent)
    with session.open(picture.picture.tobytes(), width, height, "RGB8") as handle:
        np.testing.assert_array_equal(alpha(mask(handle)), whole)
        part = mask(handle, view=[100, 50, 400, 300, 300, 250])
        np.testing.assert_array_equal(alpha(part), whole[50:300, 100:400])
        assert (part.info.model, part.info.chosen, part.info.ground) == ("flat", True, sent.info.ground)
        assert part.info.ground_colour == sent.info.ground_colour
        small = alpha(mask(handle, view=[0, 0, width, height, width // 3, height // 3]))
        thirds = whole.reshape(height // 3, 3, width // 3, 3).mean((1, 3))
        assert np.abs(small - thirds).max() <= 1
        np.testing.assert_array_equal(alpha(mask(handle)), whole)
    np.testing.assert_array_equal(
        alpha(mask(session, picture.picture, view=[100, 50, 400, 300, 300, 250])), alpha(part)
    )


@pytest.mark.parametrize("kind", ["sticker_shadow", "green_screen", "text_page"])
def test_16_bits_are_finer_and_the_same(session: Session, kind: str) -> None:
    picture = made(kind)
    coarse, fine = (alpha(mask(session, picture.picture, depth=depth)) for depth in (8, 16))
    assert np.abs(fine / 257 - coarse).max() <= 1
    assert (fine == 65535).any() and (fine == 0).any()


def test_the_order_of_the_channels_does_not_matter(session: Session) -> None:
    picture = made("sticker_shadow").picture
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
    expected = alpha(mask(session, picture))
    for format, samples in (
        ("RGBA8", np.concatenate([picture, opaque], 2)),
        ("BGRA8", np.concatenate([picture[:, :, ::-1], opaque], 2)),
    ):
        answer = mask(session, samples, format, foreground=True)
        np.testing.assert_array_equal(alpha(answer), expected)
        assert answer.info.ground_colour == [255, 255, 255]
    grey = drawn(ring_and_disc, (40, 40, 40))
    np.testing.assert_array_equal(alpha(mask(session, grey[:, :, 0], "GRAY8")), alpha(mask(session, grey)))


def test_the_colours_are_in_the_order_of_the_picture(session: Session) -> None:
    picture = drawn(ring_and_disc)
    opaque = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    for format, samples, ink in (("RGBA8", picture, [30, 60, 180]), ("BGRA8", picture[:, :, ::-1], [180, 60, 30])):
        answer = mask(session, np.concatenate([samples, opaque], 2), format, foreground=True)
        assert answer.foreground is not None
        assert np.frombuffer(answer.foreground, np.uint8).reshape(HEIGHT, WIDTH, 4)[110, 230].tolist() == [*ink, 255]


def test_what_the_layer_does_not_show_is_no_subject_in_the_cut_out(session: Session) -> None:
    """A hole in the layer itself stays one."""
    opacity = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    opacity[105:115, 220:240] = 0
    answer = mask(session, np.concatenate([drawn(ring_and_disc), opacity], 2), "RGBA8", foreground=True)
    assert answer.info.chosen and answer.foreground is not None
    cut = np.frombuffer(answer.foreground, np.uint8).reshape(HEIGHT, WIDTH, 4)
    assert not cut[105:115, 220:240, 3].any() and cut[90, 230, 3] == 255


# -- what a person says ------------------------------------------------------------------------------------------------


def test_holes_open_stay_or_are_told_apart(session: Session) -> None:
    picture = drawn(ring_and_disc)
    for holes, hole in (("auto", 0), ("open", 0), ("keep", 255)):
        shown = alpha(mask(session, picture, holes=holes))
        assert at(shown, HOLE, RING, DISC, OUTSIDE) == [hole, 255, 255, 0]


def test_a_click_keeps_a_hole_and_drops_it_again(session: Session) -> None:
    picture = drawn(ring_and_disc)
    kept = alpha(mask(session, picture, keep=[HOLE]))
    np.testing.assert_array_equal(kept, alpha(mask(session, picture, holes="keep")))
    dropped = alpha(mask(session, picture, holes="keep", drop=[HOLE]))
    np.testing.assert_array_equal(dropped, alpha(mask(session, picture, holes="open")))


def test_a_click_drops_a_piece_and_nothing_else(session: Session) -> None:
    picture = drawn(ring_and_disc)
    before, after = alpha(mask(session, picture)), alpha(mask(session, picture, drop=[DISC]))
    assert not after[:, 170:].any()
    np.testing.assert_array_equal(after[:, :170], before[:, :170])
    without_the_ring = alpha(mask(session, picture, holes="keep", drop=[RING]))
    assert not without_the_ring[:, :170].any(), "what the ring encloses goes with it"


def test_nothing_is_outside_a_box(session: Session) -> None:
    picture = drawn(ring_and_disc)
    whole, boxed = alpha(mask(session, picture)), alpha(mask(session, picture, box=[80, 20, 240, 200]))
    inside = np.zeros_like(whole, bool)
    inside[20:200, 80:240] = True
    np.testing.assert_array_equal(boxed, np.where(inside, whole, 0))


def test_what_is_painted_holds(session: Session) -> None:
    picture, hint = drawn(ring_and_disc), np.full((HEIGHT, WIDTH), 128, np.uint8)
    hint[105:115, 80:100] = 255  # in the hole
    hint[100:120, 200:260] = 0  # across the disc
    shown = alpha(mask(session, picture, hint=hint.tobytes()))
    assert (shown[hint == 255] == 255).all() and not shown[hint == 0].any()
    assert at(shown, [70, 130], RING, OUTSIDE) == [255, 255, 0], "the whole hole is kept"


def test_a_shadow_stays_or_goes(session: Session) -> None:
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.box(90, 50, 210, 150)
    thing = canvas.coverage()
    shadow = 0.5 * blurred(np.roll(thing, (14, 10), (0, 1)), 6)
    picture = rounded(composed(thing, BLUE, composed(shadow, (0, 0, 0), even(WIDTH, HEIGHT, WHITE))))
    kept, dropped, unsaid = (alpha(mask(session, picture, shadow=each)) for each in ("keep", "drop", "auto"))
    np.testing.assert_array_equal(unsaid, kept, "a drawing's")
    below = [160, 158]  # x, y
    assert 60 <= at(kept, below)[0] <= 130 and at(dropped, below) == [0]
    assert at(kept, [150, 100]) == at(dropped, [150, 100]) == [255]
    assert np.abs(dropped / 255 - thing).mean() < 0.002


def test_an_even_picture_has_no_subject_whatever_colour_it_has(session: Session) -> None:
    for colour in (WHITE, (0, 0, 0), (0, 177, 64)):
        picture = rounded(even(WIDTH, HEIGHT, colour))
        with pytest.raises(Rejected, match="No subject was found") as refused:
            mask(session, picture)
        assert refused.value.code == "no_subject"
        answer = mask(session, picture, anyway=True)
        assert answer.info.chosen and not alpha(answer).any() and answer.info.coverage == 0
    kept = alpha(mask(session, picture, box=[20, 20, 60, 60], keep=[[30, 30]]))
    assert kept[30, 30] == 255


def test_the_mask_is_tuned_like_any_other(session: Session) -> None:
    picture = made("sticker_shadow").picture
    plain = alpha(mask(session, picture))
    np.testing.assert_array_equal(alpha(mask(session, picture, invert=True)), 255 - plain)
    hard = alpha(mask(session, picture, threshold=0.5))
    assert set(np.unique(hard)) == {0, 255} and (hard[plain > 129] == 255).all() and not hard[plain < 126].any()
    wider, narrower = (alpha(mask(session, picture, grow=pixels)).astype(int) for pixels in (3, -3))
    assert (wider >= plain).all() and (narrower <= plain).all()
    assert wider.sum() > plain.sum(dtype=int) > narrower.sum()
    soft = alpha(mask(session, picture, feather=4.0))
    assert np.abs(soft.mean() - plain.mean()) < 1 and not np.array_equal(soft, plain)


@pytest.mark.parametrize("kind", ["logo_white", "logo_colour", "cartoon_white_inside", "line_paper", "pixel_art"])
def test_what_was_said_holds_in_every_pixel(session: Session, kind: str) -> None:
    """Whatever else is asked for."""
    random = np.random.default_rng(KINDS.index(kind))
    picture = made(kind, width=240, height=180).picture
    height, width = picture.shape[:2]
    with session.open(picture.tobytes(), width, height, "RGB8") as handle:
        for _ in range(12):
            points = [[int(random.integers(width)), int(random.integers(height))] for _ in range(8)]
            keep, drop = points[: random.integers(5)], points[4 : 4 + random.integers(5)]
            left, top = int(random.integers(width // 2)), int(random.integers(height // 2))
            box = [left, top, int(random.integers(left + 1, width + 1)), int(random.integers(top + 1, height + 1))]
            hint = random.choice([0, 128, 255], (height // 20, width // 20), p=[0.1, 0.8, 0.1]).astype(np.uint8)
            hint = np.kron(hint, np.ones((20, 20), np.uint8))
            options: dict[str, Any] = {
                "keep": keep,
                "drop": drop,
                "box": box if random.random() < 0.5 else None,
                "holes": str(random.choice(["auto", "open", "keep"])),
                "shadow": str(random.choice(["auto", "drop", "keep"])),
                "grow": int(random.integers(-3, 4)),
                "depth": int(random.choice([8, 16])),
                "hint": hint.tobytes() if random.random() < 0.5 else None,
            }
            shown = alpha(mask(handle, **options)).astype(float)
            shown /= 255 if options["depth"] == 8 else 65535
            said = np.full((height, width), np.nan)
            if options["hint"] is not None:
                said[hint == 0], said[hint == 255] = 0, 1
            for level, clicks in ((1, keep), (0, drop)):
                for x, y in clicks:
                    said[y, x] = level
            if options["box"] is not None:
                outside = np.ones((height, width), bool)
                outside[box[1] : box[3], box[0] : box[2]] = False
                said[outside] = 0
            decided = ~np.isnan(said)
            np.testing.assert_array_equal(shown[decided], said[decided], str(options))
