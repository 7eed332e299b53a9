"""A real daemon with the real model, and two clients: one of libzmq, and matted's own."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon, wait_for
from matted.files import cutting
from matted.files.pictures import Picture
from matted_client import Rejected, Unavailable
from matted_client.client import Session
from matted_client.models import listed
from matted_client.options import MaskOptions, entries
from numpy.typing import NDArray
from peers import LibzmqClient, disc
from PIL import Image, ImageFilter

ASTRONAUT = PHOTOGRAPHS / "astronaut.jpg"
EDGES = [choice.value for choice in entries(MaskOptions)["edges"].choices]


def reference_mask(picture: Image.Image, weights: Path) -> NDArray[np.int64]:
    """Make the mask by rembg's published steps with the same weights: written from them, not from matted's code."""
    import openvino

    small = np.asarray(picture.convert("RGB").resize((320, 320), Image.Resampling.LANCZOS), np.float64)
    small = (small / small.max() - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    properties = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(weights, "CPU", properties)
    raw = model(small.transpose(2, 0, 1)[None].astype(np.float32))[0][0, 0]
    grey = Image.fromarray(((raw - raw.min()) / (raw.max() - raw.min()) * 255).astype(np.uint8))
    return np.asarray(grey.resize(picture.size, Image.Resampling.LANCZOS), np.int64)


def masked(session: Session, picture: Image.Image, format: str, depth: int = 8, **options: object) -> NDArray[np.int64]:
    pixels = picture.tobytes()
    answer = session.mask(pixels, picture.width, picture.height, format, depth=depth, **options)
    samples = np.frombuffer(answer.alpha, "<u2" if depth == 16 else np.uint8)
    return samples.reshape(picture.height, picture.width).astype(np.int64)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_the_mask_of_a_photograph_is_the_one_that_the_weights_give(
    daemon: Daemon, u2netp_file: Path, name: str
) -> None:
    with daemon.session() as session, Image.open(PHOTOGRAPHS / f"{name}.jpg") as picture:
        mask = masked(session, picture, "RGB8", edges="off", second_look=False)
        assert np.abs(mask - reference_mask(picture, u2netp_file)).max() <= 2
        assert mask.min() == 0 and mask.max() == 255


def test_every_pixel_format_gives_the_same_mask(daemon: Daemon) -> None:
    with daemon.session() as session, Image.open(ASTRONAUT) as picture:
        expected = masked(session, picture, "RGB8")
        rgba = picture.convert("RGBA")
        assert (masked(session, rgba, "RGBA8") == expected).all()
        red, green, blue, alpha = rgba.split()
        assert (masked(session, Image.merge("RGBA", (blue, green, red, alpha)), "BGRA8") == expected).all()
        grey = picture.convert("L")
        assert (masked(session, grey, "GRAY8") == masked(session, grey.convert("LA"), "GRAYA8")).all()


def test_a_16_bit_mask_has_more_than_256_levels_and_rounds_to_the_8_bit_one(daemon: Daemon) -> None:
    with daemon.session() as session, Image.open(ASTRONAUT) as picture:
        for edges in EDGES:
            fine, coarse = (masked(session, picture, "RGB8", depth, edges=edges) for depth in (16, 8))
            assert len(np.unique(fine)) > 1000
            assert np.abs(np.rint(fine / 257) - coarse).max() <= 1


def test_each_way_to_refine_edges_gives_another_mask(daemon: Daemon) -> None:
    with daemon.session() as session, Image.open(ASTRONAUT) as picture:
        off, fine, hair = (masked(session, picture, "RGB8", edges=edges) for edges in EDGES)
    for one, other in ((off, fine), (fine, hair)):
        assert 0 < np.abs(one - other).mean() < 2  # of 255: at the edge alone


@pytest.mark.parametrize(("invert", "own"), [(False, (240, 190, 120)), (True, (58, 78, 58))])
def test_the_colours_are_those_of_what_is_kept(daemon: Daemon, invert: bool, own: tuple[int, int, int]) -> None:
    size = (600, 400)
    picture = Image.frombytes("RGBA", size, disc(*size)).convert("RGB").filter(ImageFilter.GaussianBlur(4))
    with daemon.session() as session:
        answer = session.mask(picture.tobytes(), *size, "RGB8", foreground=True, invert=invert, anyway=True)
    assert answer.foreground is not None
    alpha = np.frombuffer(answer.alpha, np.uint8).reshape(size[::-1])
    soft = (alpha > 60) & (alpha < 195)
    sent = np.frombuffer(answer.foreground, np.uint8).reshape(*alpha.shape, 4)
    np.testing.assert_array_equal(sent[:, :, 3], alpha)
    found, before = (np.asarray(each, np.int64) for each in (sent[:, :, :3], picture))
    assert soft.any()
    assert np.abs(found - own)[soft].mean() < np.abs(before - own)[soft].mean() / 2


def test_a_cut_out_comes_in_tiles_to_those_who_ask_for_them(daemon: Daemon) -> None:
    size = (700, 500)
    picture = Picture(Image.frombytes("RGBA", size, disc(*size)).convert("RGB"), {})
    with daemon.session() as session:
        asked = picture.image.tobytes(), *size, "RGB8"
        in_tiles, whole = (session.mask(*asked, foreground=True, tiles=tiles, anyway=True) for tiles in (True, False))
    assert in_tiles.info.tiles and in_tiles.tiles is not None and in_tiles.foreground is not None
    assert whole.foreground is not None and 0 < len(in_tiles.foreground) < len(whole.foreground)
    assert in_tiles.tiles.count(0) < len(in_tiles.tiles) == 11 * 8
    assert cutting.of_reply(picture, in_tiles).image == cutting.of_reply(picture, whole).image


def test_the_result_says_where_the_time_went(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        header, frames = client.reply(client.mask(640, 480))
    assert header["op"] == "result"
    assert (header["width"], header["height"], header["depth"]) == (640, 480, 8)
    assert header["model"] == "u2netp" and header["device"] == "CPU"
    assert {"waiting", "preparing", "inference", "mask"} <= set(header["timings"])
    assert all(seconds >= 0 for seconds in header["timings"].values())
    assert len(frames) == 1 and len(frames[0]) == 640 * 480
    assert header["coverage"] == pytest.approx(np.frombuffer(frames[0], np.uint8).mean() / 255, abs=0.02)


def test_status_answers_while_masks_are_made_and_names_the_jobs(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        ids = [client.mask(400, 300, new=True) for _ in range(4)]
        status = client.ask("status")["status"]
        assert len(status["jobs"]) == 4, "status came before the masks"
        assert [job["place"] for job in status["jobs"]][2:] == [2, 3]
        header, _ = client.reply(ids[-1])
        assert header["op"] == "result"


def test_progress_says_the_place_in_the_queue_and_the_stage(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        ids = [client.mask(400, 300, new=True) for _ in range(5)]
        seen: list[dict[str, object]] = []
        while True:
            header, _ = client.receive()
            if header["id"] == ids[-1]:
                seen.append(header)
                if header["op"] == "result":
                    break
    assert any(header.get("stage") == "waiting" and header["place"] for header in seen)
    places = [header["place"] for header in seen if header.get("stage") == "waiting"]
    assert places == sorted(places, reverse=True)


def test_a_waiting_job_can_be_cancelled(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        first, second, third = (client.mask(400, 300, new=True) for _ in range(3))
        answers = {}
        cancel = client.send("cancel", target=third)
        while not {first, second, third, cancel} <= set(answers):
            header, _ = client.receive()
            if header["op"] != "progress":
                answers[header["id"]] = header
    assert answers[first]["op"] == answers[second]["op"] == "result"
    assert answers[third]["code"] == "cancelled"
    assert answers[cancel].get("found", True) is True


def test_a_running_job_can_be_cancelled_and_the_next_is_right(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        expected = client.reply(client.mask(300, 200))[1]
        running = client.mask(300, 200, new=True)
        wait_for(lambda: client.ask("status")["status"]["jobs"], "the job's start")
        client.send("cancel", target=running)
        header, _ = client.reply(running)
        assert header["op"] in ("error", "result")  # it may have been done already
        if header["op"] == "error":
            assert header["code"] == "cancelled"
        assert client.reply(client.mask(300, 200))[1] == expected


def test_cancelling_nothing_says_so(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        assert client.ask("cancel", target=77)["found"] is False


def test_the_client_can_cancel_its_own_request(daemon: Daemon) -> None:
    with daemon.session() as session:
        with pytest.raises(Rejected) as caught:
            session.mask(disc(2000, 1500), 2000, 1500, "RGBA8", cancelled=lambda: True)
        assert caught.value.code == "cancelled"
    with daemon.session() as session:
        assert session.status()["jobs"] == []


def test_a_client_that_vanishes_takes_its_jobs_with_it(daemon: Daemon) -> None:
    client = LibzmqClient(daemon.connection_file)
    for _ in range(6):
        client.mask(800, 600)
    assert len(client.ask("status")["status"]["jobs"]) >= 5
    client.close()
    with daemon.session() as session:
        done_before = daemon.log.count("inference")
        wait_for(lambda: not session.status()["jobs"], "the end of the jobs")
        assert daemon.log.count("inference") - done_before < 5, "jobs of a client that left were worked off"
        assert session.mask(disc(64, 64), 64, 64, "RGBA8").info.model == "u2netp"


def test_two_clients_are_served_side_by_side(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as one, LibzmqClient(daemon.connection_file) as other:
        ids = one.mask(300, 200), other.mask(200, 300)
        assert len(one.reply(ids[0])[1][0]) == len(other.reply(ids[1])[1][0]) == 60_000


def test_the_queue_is_bounded(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--queue", "2")
    with LibzmqClient(daemon.connection_file) as client:
        ids = [client.mask(400, 300) for _ in range(8)]
        headers = []
        while len(headers) < len(ids):
            header, _ = client.receive()
            if header["op"] != "progress":
                headers.append(header)
    codes = [header.get("code", "result") for header in headers]
    assert "busy" in codes and codes.count("result") >= 2


def test_an_unknown_model_is_named_and_the_known_ones_listed(daemon: Daemon) -> None:
    with daemon.session() as session, pytest.raises(Rejected, match="u2netp") as caught:
        session.mask(disc(10, 10), 10, 10, "RGBA8", model="nonesuch")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 3)])
def test_tiny_pictures_get_a_mask_or_a_clear_no(daemon: Daemon, size: tuple[int, int]) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        header, frames = client.reply(client.mask(*size))
    if header["op"] == "result":
        assert len(frames[0]) == size[0] * size[1]
    else:
        assert header["code"] == "no_subject"


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_subject(daemon: Daemon, level: int) -> None:
    with daemon.session() as session, pytest.raises(Rejected) as caught:
        session.mask(bytes([level]) * 120_000, 400, 300, "GRAY8")
    assert caught.value.code == "no_subject"


def stages(client: LibzmqClient) -> list[str]:
    return [job["stage"] for job in client.ask("status")["status"]["jobs"]]


@pytest.mark.parametrize("way", ["signal", "command"])
def test_it_ends_cleanly_and_lets_the_running_request_finish(new_daemon: Callable[..., Daemon], way: str) -> None:
    daemon = new_daemon().start()
    with LibzmqClient(daemon.connection_file) as client:
        client.reply(client.mask(400, 300))  # loads the model: requests that wait for a load wait in the queue
        [engine] = daemon.engines()
        engine.suspend()  # no inference ends before the daemon has been told to end
        first, taken_or_not, waiting = (client.mask(400, 300, new=True) for _ in range(3))  # there are two workers
        wait_for(lambda: "inference" in stages(client), "the first inference")
        assert len(stages(client)) == 3
        if way == "signal":
            os.kill(daemon.pid(), signal.SIGTERM)
        else:
            client.send("shutdown")
        assert client.reply(waiting)[0]["code"] == "shutting_down"
        engine.resume()
        assert client.reply(first)[0]["op"] == "result"
        second = client.reply(taken_or_not)[0]
        assert second["op"] == "result" or second["code"] == "shutting_down"
    assert daemon.wait(30) == 0
    assert not daemon.connection_file.exists()


def test_a_daemon_that_is_killed_in_the_middle_is_an_error_for_its_client(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session, pytest.raises(Unavailable, match="ended in the middle"):
        session.mask(
            disc(3000, 2000),
            3000,
            2000,
            "RGBA8",
            on_progress=lambda progress: os.kill(daemon.pid(), signal.SIGKILL),
        )


def test_status_has_what_a_person_wants_to_know(daemon: Daemon) -> None:
    with daemon.session() as session:
        status = session.status()
    assert status["endpoint"].startswith("tcp://127.0.0.1:")
    assert status["connection_file"] == str(daemon.connection_file)
    assert status["pid"] == daemon.pid()
    assert status["resident_bytes"] > 10_000_000
    assert status["uptime_seconds"] >= 0
    assert status["requests"] >= 1
    assert json.dumps(status)


def test_the_catalogue_says_licence_and_state(daemon: Daemon) -> None:
    with daemon.session() as session:
        models = {model["id"]: model for model in session.models()}
    assert models["u2netp"]["licence"] == "Apache-2.0"
    assert models["u2netp"]["commercial"] is True
    assert models["u2netp"]["installed"] is True
    assert models["u2netp"]["chosen"] == "only" and models["u2netp"]["quality"] > 0
    assert not any(facts["default"] for facts in models.values()), "the settings name none"


def test_the_dialogs_list_what_the_daemon_says_of_its_models(new_daemon: Callable[..., Daemon]) -> None:
    with new_daemon().start().session() as session:
        before = listed(session.models())
        session.mask(disc(60, 40), 60, 40, "RGBA8")
        after = listed(session.models())
    for listing in (before, after):  # an estimate, then what was measured
        assert re.fullmatch(r"Automatic: U²-Net small \(free, fair, (about \d+ s|less than 1 s)\)", listing[0].label)
        assert listing[0].id == "default"
        assert "The only free model that you have for any subject." in listing[0].about
    assert len(after) == len(before) > 5


def test_a_small_subject_is_looked_at_twice_if_that_is_wanted(daemon: Daemon) -> None:
    width, height = 3000, 2000
    pixels = np.full((height, width, 4), (60, 90, 70, 255), np.uint8)
    with Image.open(PHOTOGRAPHS / "chelsea.jpg") as photograph:
        cat = np.asarray(photograph.convert("RGBA").resize((600, 400)))
    pixels[900:1300, 1200:1800] = cat
    with daemon.session() as session:
        seen = session.mask(pixels.tobytes(), width, height, "RGBA8", model="u2netp").info
        once = session.mask(pixels.tobytes(), width, height, "RGBA8", model="u2netp", second_look=False).info
    assert seen.second_look and "second_look" in seen.timings
    assert not once.second_look and "second_look" not in once.timings


def test_tuning_a_mask_again_needs_no_inference(daemon: Daemon) -> None:
    size = 321, 201
    with daemon.session() as session:
        first = session.mask(disc(*size), *size, "RGBA8")
        inverted = session.mask(disc(*size), *size, "RGBA8", invert=True)
        hard = session.mask(disc(*size), *size, "RGBA8", threshold=0.5, grow=3)
        soft = session.mask(disc(*size), *size, "RGBA8", feather=4.0)
    assert "inference" in first.info.timings
    assert not any("inference" in other.info.timings for other in (inverted, hard, soft))
    mask = np.frombuffer(first.alpha, np.uint8)
    assert np.array_equal(np.frombuffer(inverted.alpha, np.uint8), 255 - mask)
    assert set(np.frombuffer(hard.alpha, np.uint8)) == {0, 255}
    assert hard.info.coverage > first.info.coverage
    assert np.count_nonzero(np.frombuffer(soft.alpha, np.uint8) % 255) > 2 * np.count_nonzero(mask % 255)
