"""Models are loaded on demand or by request, unloaded by request or in time, and run on the device that works."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PHOTOGRAPHS, Daemon, wait_for
from graphs import small
from matted_client import Rejected
from matted_client.client import Session
from peers import LibzmqClient, disc
from PIL import Image


def add_keyer(daemon: Daemon, model: str, folder: Path) -> None:
    """Add a model with background matting's inputs and outputs whose right answer is known: `small.keyer`."""
    file = small.keyer(folder / "keyer.onnx")
    done = daemon.run("models", "add", str(file), "--like", "background-matting-mobilenetv2", "--id", model)
    assert done.returncode == 0, done.stderr


def loaded(session: Session) -> list[str]:
    return [model["id"] for model in session.status()["loaded"]]


def ask(session: Session, **options: Any) -> Any:
    return session.mask(disc(64, 48), 64, 48, "RGBA8", **options).info


def test_a_model_goes_when_nobody_used_it_for_its_time(new_daemon: Callable[..., Daemon]) -> None:
    with new_daemon().start("--keep-alive", "1s").session() as session:
        ask(session)
        assert loaded(session) == ["u2netp"]
        wait_for(lambda: not loaded(session), "the unloading")
        assert "loading" in ask(session).timings


def test_keep_alive_zero_gives_the_memory_back_at_once(new_daemon: Callable[..., Daemon]) -> None:
    with new_daemon().start("--keep-alive", "0").session() as session:
        ask(session)
        wait_for(lambda: not loaded(session), "the unloading")


def test_a_request_may_only_say_how_long_where_the_settings_allow_it(new_daemon: Callable[..., Daemon]) -> None:
    refused, allowed = new_daemon(), new_daemon()
    allowed.environ["MATTED_CLIENT_KEEP_ALIVE"] = "true"
    for daemon, expected in ((refused, 600), (allowed, 5)):
        with daemon.start().session() as session:
            ask(session, keep_alive=5)
            (model,) = session.status()["loaded"]
            assert expected - 5 < model["expires_in"] <= expected
    with allowed.session() as session:
        ask(session, keep_alive=math.inf)
        assert session.status()["loaded"][0]["expires_in"] is None


def test_a_model_can_be_loaded_before_it_is_needed_and_unloaded(daemon: Daemon) -> None:
    stages = []
    with daemon.session() as session:
        session.unload()
        wait_for(lambda: not loaded(session), "the unloading")
        session.load(on_progress=lambda progress: stages.append(progress.stage))
        assert loaded(session) == ["u2netp"]
        assert "loading" not in ask(session).timings
        assert session.unload() is True
        wait_for(lambda: not loaded(session), "the unloading")
        assert session.unload() is False


def test_what_does_not_exist_cannot_be_loaded(daemon: Daemon) -> None:
    with daemon.session() as session, pytest.raises(Rejected, match="nonesuch"):
        session.load("nonesuch")


def test_unloading_while_it_works_harms_nothing(daemon: Daemon) -> None:
    with LibzmqClient(daemon.connection_file) as client:
        running = [client.mask(300, 200) for _ in range(3)]
        client.send("unload", model="u2netp")
        masks = [client.reply(request)[1] for request in running]
    assert masks[0] == masks[1] == masks[2]


def test_masks_do_not_change_when_a_model_is_loaded_again_and_again(daemon: Daemon) -> None:
    with daemon.session() as session:
        masks = set()
        for _ in range(5):
            masks.add(bytes(session.mask(disc(300, 200), 300, 200, "RGBA8").alpha))
            session.unload()
            wait_for(lambda: not loaded(session), "the unloading")
    assert len(masks) == 1


def test_a_device_that_is_not_there_falls_back_to_the_cpu_and_says_so(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--device", "GPU.7")
    with daemon.session() as session:
        info = ask(session)
        assert info.device == "CPU"
        assert len(info.warnings) == 1 and "GPU.7 cannot be used" in info.warnings[0]
        assert session.status()["loaded"][0]["note"] == info.warnings[0]
    assert "GPU.7 cannot be used" in daemon.run("status").stdout


def test_a_model_computes_in_bfloat16_if_its_spec_and_the_settings_allow_it(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    import openvino

    native = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    daemon = new_daemon()
    for model in ("exact", "quick"):
        add_keyer(daemon, model, tmp_path)
    specs = daemon.folder / "config" / "models.toml"
    specs.write_text(specs.read_text() + "bfloat16 = true\n")
    with daemon.start("--device", "CPU").session() as session:

        def arithmetic() -> dict[str, str]:
            for model in ("exact", "quick"):
                assert ask(session, model=model, plate=bytes(64 * 48 * 4)).device == "CPU"
            return {model["id"]: model["arithmetic"] for model in session.status()["loaded"]}

        assert arithmetic() == {"exact": "f32", "quick": "bf16" if native else "f32"}
        assert "exact on CPU, in f32" in daemon.run("status").stdout
        specs.write_text(specs.read_text().replace("bfloat16 = true", "bfloat16 = false"))
        assert daemon.run("reload").returncode == 0
        wait_for(lambda: loaded(session) == ["exact"], "the unloading of the model with another spec")
        assert arithmetic() == {"exact": "f32", "quick": "f32"}
        specs.write_text(specs.read_text().replace("bfloat16 = false", "bfloat16 = true"))
        daemon.write_settings('arithmetic = "f32"\n')
        assert daemon.run("reload").returncode == 0
        wait_for(lambda: not loaded(session), "the unloading")
        assert arithmetic() == {"exact": "f32", "quick": "f32"}
    daemon.end()
    (daemon.folder / "config" / "config.toml").unlink()
    with daemon.start("--arithmetic", "f32").session() as session:
        session.load("quick")
        assert session.status()["loaded"][0]["arithmetic"] == "f32"


def test_a_model_that_is_too_large_for_the_machine_is_refused(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    add_keyer(daemon, "huge", tmp_path)
    specs = daemon.folder / "config" / "models.toml"
    specs.write_text(specs.read_text() + "peak_bytes = 900000000000000\n")
    with daemon.start().session() as session, pytest.raises(Rejected, match=r"needs 900000\.0 GB of memory, and") as no:
        ask(session, model="huge", plate=disc(64, 48))
    assert no.value.code == "out_of_memory"


def test_weights_that_are_installed_anew_are_used_at_once(new_daemon: Callable[..., Daemon], u2netp_file: Path) -> None:
    """Nothing is left of the old ones: no model in memory, no outputs that it remembers, no compiled files."""
    daemon = new_daemon().start()
    with daemon.session() as session:
        assert "inference" in ask(session).timings and "inference" not in ask(session).timings
        done = daemon.run("models", "pull", "u2netp", "--from", str(u2netp_file), "--force", "--no-int8")
        assert done.returncode == 0, done.stderr
        wait_for(lambda: not loaded(session), "the unloading")
        assert not list((daemon.folder / "cache").rglob("*.blob"))
        assert {"loading", "inference"} <= set(ask(session).timings)


# -- models that compare with a plate ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plate_daemon(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Daemon:
    """The daemon of this module with the model `keyer`."""
    add_keyer(daemon, "keyer", tmp_path_factory.mktemp("keyer"))
    daemon.run("stop")
    return daemon.start()


def scene(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """Make a picture of a bright square before a photograph, and the plate without the square."""
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as photograph:
        plate = photograph.convert("RGB").resize((width, height))
    picture = plate.copy()
    picture.paste((10, 250, 10), (width // 4, height // 4, width // 2, height // 2))
    return picture, plate


@pytest.mark.parametrize("size", [(320, 240), (321, 243), (5, 7), (1, 1), (638, 401)])
def test_alpha_and_foreground_come_back_at_any_size(plate_daemon: Daemon, size: tuple[int, int]) -> None:
    import numpy as np

    picture, plate = scene(*size)
    with plate_daemon.session() as session:
        try:
            mask = session.mask(picture.tobytes(), *size, "RGB8", "keyer", plate=plate.tobytes(), foreground=True)
        except Rejected as no:
            assert no.code == "no_subject" and size == (1, 1)
            return
    alpha = np.frombuffer(mask.alpha, np.uint8).reshape(size[1], size[0])
    inside = alpha[size[1] // 4 : size[1] // 2, size[0] // 4 : size[0] // 2]
    assert mask.info.foreground and mask.foreground is not None and len(mask.foreground) == size[0] * size[1] * 4
    if min(size) > 100:
        assert inside.mean() > 240 and alpha[: size[1] // 8].mean() < 15
        colours = np.frombuffer(mask.foreground, np.uint8).reshape(size[1], size[0], 4)[:, :, :3]
        centre = colours[size[1] * 3 // 8, size[0] * 3 // 8]
        assert np.abs(centre.astype(int) - (10, 250, 10)).max() <= 2


def test_without_a_plate_such_a_model_says_what_it_needs(plate_daemon: Daemon) -> None:
    with plate_daemon.session() as session, pytest.raises(Rejected, match="without the subject") as no:
        ask(session, model="keyer")
    assert no.value.code == "plate_needed"


def test_a_plate_for_a_model_that_takes_none_is_refused(plate_daemon: Daemon) -> None:
    with plate_daemon.session() as session, pytest.raises(Rejected, match="takes no plate"):
        ask(session, plate=disc(64, 48))


def test_a_plate_frame_of_another_size_is_refused(plate_daemon: Daemon) -> None:
    with LibzmqClient(plate_daemon.connection_file) as client:
        fields = {"width": 64, "height": 48, "format": "RGBA8", "model": "keyer", "plate": True}
        reply = client.ask("mask", [disc(64, 48), disc(60, 48)], **fields)
    assert reply["code"] == "bad_request" and "12288, 12288 bytes expected" in reply["message"]


def test_the_command_takes_a_plate_and_refuses_one_of_another_size(plate_daemon: Daemon, tmp_path: Path) -> None:
    picture, plate = scene(321, 243)
    picture.save(tmp_path / "picture.png")
    plate.save(tmp_path / "plate.png")
    plate.crop((0, 0, 320, 243)).save(tmp_path / "other.png")
    arguments = ["remove", "picture.png", "--model", "keyer", "--mask", "-o", "mask.png"]
    refused = plate_daemon.run(*arguments, "--plate", "other.png", cwd=tmp_path)
    assert refused.returncode == 1 and "321 x 243 pixels, the plate 320 x 243" in refused.stderr
    assert plate_daemon.run(*arguments, "--plate", "plate.png", cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "mask.png") as mask:
        assert mask.size == (321, 243)
        assert mask.getpixel((321 * 3 // 8, 243 * 3 // 8)) == 255 and mask.getpixel((5, 5)) == 0


def test_memory_is_said_to_go_down_where_the_system_tells(new_daemon: Callable[..., Daemon]) -> None:
    """Only that it does: by how much depends on the model and the C library."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("how much memory a process has is read from /proc")
    with new_daemon().start().session() as session:
        ask(session)
        before = session.status()["resident_bytes"]
        session.unload()
        wait_for(lambda: session.status()["resident_bytes"] < before, "less resident memory")
