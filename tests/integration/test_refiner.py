"""vitmatte-small, which refines edges, with a stand-in whose answers are known: alpha is red where it is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon
from graphs import small, stand_ins
from matted.evaluation import trial
from matted.models import catalogue, weights
from matted_client import Rejected
from matted_client.pictures import Mask
from numpy.typing import NDArray
from PIL import Image

MODEL = "vitmatte-small"
SPEC = catalogue.load().specs[MODEL]
SIDE = 1024  # of a look: of such a picture every pixel is shown
CHELSEA = PHOTOGRAPHS / "chelsea.jpg"
SAID = f"{MODEL} refined the edge."


@pytest.fixture(scope="module")
def refining(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A running daemon that has the model."""
    file = stand_ins.write(SPEC, tmp_path_factory.mktemp("graph") / "refiner.onnx", SIDE)
    pulled = daemon.run("models", "pull", MODEL, "--from", str(file), "--trust")
    assert pulled.returncode == 0 and "From now on it refines hair" in pulled.stdout, pulled.stderr
    assert "given for research" in pulled.stdout, "the doubt about its licence is said"
    yield daemon


def photograph(folder: Path, longer: int) -> Path:
    """Write a cat whose longer side has so many pixels, without loss, and return its path."""
    with Image.open(CHELSEA) as image:
        height = round(longer * image.height / image.width)
        image.convert("RGB").resize((longer, height), Image.Resampling.BICUBIC).save(folder / "cat.png")
    return folder / "cat.png"


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB") if image.mode != "L" else image)


def samples(mask: Mask) -> NDArray[np.uint8]:
    return np.frombuffer(mask.alpha, np.uint8).reshape(mask.info.height, mask.info.width)


@pytest.mark.parametrize("reach", [None, 15.0])
def test_a_refined_mask_is_the_models_alpha_in_the_band(refining: Daemon, tmp_path: Path, reach: float | None) -> None:
    picture = read(photograph(tmp_path, SIDE))
    height, width = picture.shape[:2]
    hint = np.zeros((height, width), np.uint8)
    hint[150:600, 200:800] = 255
    with refining.session() as session:
        opened = session.open(picture.tobytes(), width, height, "RGB8", hint=hint.tobytes())
        band = samples(opened.refine(band=True, reach=reach)) > 0
        refined = opened.refine(reach=reach)
        again = opened.refine(reach=reach, feather=2.0)
        opened.close()
    assert refined.info.refined_by == MODEL and refined.info.timings["refining"] > 0
    assert np.array_equal(samples(refined), np.where(band, picture[:, :, 0], hint)) and band.any()
    assert "refining" not in again.info.timings, "a moved slider needs no inference"


@pytest.mark.parametrize("longer", [SIDE, 2000])
def test_hair_is_the_models_alpha_at_the_pictures_own_size(refining: Daemon, tmp_path: Path, longer: int) -> None:
    file, out = photograph(tmp_path, longer), tmp_path / "out.png"
    done = refining.run("remove", str(file), "--edges", "hair", "--mask", "-o", str(out), "--timings")
    assert done.returncode == 0 and SAID in done.stdout and "refining " in done.stdout, done.stderr
    mask, red = read(out), read(file)[:, :, 0]
    fine = refining.run("remove", str(file), "--edges", "fine", "--mask", "--force", "-o", str(out), "--timings")
    assert fine.returncode == 0 and "refine" not in fine.stdout + fine.stderr
    assert np.isin(mask[mask != red], (0, 255)).all(), "alpha is red, or it was sure"
    unsure = np.abs(read(out).astype(int) - 128) < 100
    assert (mask == red)[unsure].mean() > 0.95, "what the first model is not sure of is asked"


def test_a_preview_shows_what_the_result_will_be(refining: Daemon, tmp_path: Path) -> None:
    picture = read(photograph(tmp_path, 1600))
    height, width = picture.shape[:2]
    view = [500, 200, 900, 500, 400, 300]
    with refining.session() as session:
        opened = session.open(picture.tobytes(), width, height, "RGB8")
        small_view = opened.mask(edges="hair", view=[0, 0, width, height, 400, round(400 * height / width)])
        moved = opened.mask(edges="hair", view=[0, 0, width, height, 400, round(400 * height / width)], grow=3)
        close = opened.mask(edges="hair", view=view)
        whole = opened.mask(edges="hair")
        opened.close()
    assert {small_view.info.refined_by, moved.info.refined_by, close.info.refined_by} == {MODEL}
    assert "refining" in small_view.info.timings and "refining" not in moved.info.timings
    assert np.array_equal(samples(close), samples(whole)[200:500, 500:900])


def test_the_command_line_says_who_refined(refining: Daemon, tmp_path: Path) -> None:
    file, mask = photograph(tmp_path, 500), tmp_path / "mask.png"
    drawn = Image.new("L", (500, 333), 0)
    drawn.paste(255, (100, 100, 400, 300))
    drawn.save(mask)
    done = refining.run("refine", str(file), str(mask), "-o", str(tmp_path / "out.png"))
    assert done.returncode == 0 and SAID in done.stderr


def test_the_settings_do_without_it(refining: Daemon, tmp_path: Path) -> None:
    file = photograph(tmp_path, 500)
    command = ("remove", str(file), "--edges", "hair", "--mask", "--force", "-o", str(tmp_path / "out.png"))
    refining.write_settings('refiner = "off"\n')
    assert refining.run("reload").returncode == 0
    done = refining.run(*command)
    assert done.returncode == 0 and "refined" not in done.stdout + done.stderr
    refining.write_settings('refiner = "u2netp"\n')
    assert refining.run("reload").returncode == 0
    wrong = refining.run(*command)
    assert wrong.returncode == 1 and "name u2netp as the refiner, but it refines no edges" in wrong.stderr
    refining.write_settings(f'refiner = "{MODEL}"\n')
    assert refining.run("reload").returncode == 0
    assert SAID in refining.run(*command).stderr
    refining.write_settings("")
    assert refining.run("reload").returncode == 0


def test_it_finds_no_subject(refining: Daemon, tmp_path: Path) -> None:
    done = refining.run("remove", str(CHELSEA), "--model", MODEL, "-o", str(tmp_path / "out.png"))
    assert done.returncode == 1 and "finds no subject" in done.stderr and not (tmp_path / "out.png").exists()
    chosen = refining.run("models", "default", MODEL)
    assert chosen.returncode == 1 and "cannot be the default model" in chosen.stderr
    measured = refining.run("models", "quantize", MODEL, "--images", str(PHOTOGRAPHS))
    assert measured.returncode == 1 and "Traceback" not in measured.stderr
    with refining.session() as session:
        session.load(MODEL)
        facts = {each["id"]: each for each in session.models()}
        assert facts[MODEL]["refines"] and not facts["u2netp"]["refines"] and facts[MODEL]["loaded"]
        with pytest.raises(Rejected) as refused:
            session.mask(bytes(64 * 64), 64, 64, "GRAY8", model=MODEL)
        assert refused.value.code == "bad_request"


def test_a_file_of_open_size_is_stored_for_the_size_that_the_network_is_made_for(tmp_path: Path) -> None:
    weights.convert(SPEC, small.refiner_like(tmp_path / "open.onnx"), tmp_path / "model.xml")
    assert trial.try_out(SPEC, tmp_path / "model.xml") == SIDE


def test_weights_that_do_not_heed_the_marks_are_not_installed(refining: Daemon, tmp_path: Path) -> None:
    net = small.Net(17)
    red = net.add("Gather", "pixel_values", net.integers(0), axis=1)
    net.add("Identity", red, output="alphas")
    shapes = {"pixel_values": (1, 4, 64, 64)}, {"alphas": (1, 1, 64, 64)}
    file = net.save(tmp_path / "deaf.onnx", *shapes)
    failed = refining.run("models", "pull", MODEL, "--from", str(file), "--trust", "--force")
    assert failed.returncode == 1 and "it does not take the marks as they are given" in failed.stderr
    with refining.session() as session:
        assert {each["id"] for each in session.models() if each["installed"]} >= {MODEL}, "the earlier one stays"
