"""`matted models quantize` compares a variant with the original, and keeps it only if its masks are the same.

On which computers the variant is quicker is for no test to say: where it is not, it must be gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from conftest import PHOTOGRAPHS, Daemon
from graphs import small


def test_a_variant_with_the_same_masks_is_installed_under_the_licence_of_the_original(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    weights = small.isnet_like(tmp_path / "standin.onnx", side=256)
    pulled = daemon.run("models", "pull", "rmbg-1.4", "--from", str(weights), "--trust", "--accept-licence")
    assert pulled.returncode == 0, pulled.stderr
    done = daemon.run("models", "quantize", "rmbg-1.4", "--images", str(PHOTOGRAPHS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "On 3 photographs" in done.stdout and "rmbg-1.4-int8 is installed" in done.stdout
    listed = daemon.run("models", "list").stdout
    variant = listed[listed.index("rmbg-1.4-int8") :]
    assert "bria-rmbg-1.4" in variant and "non-commercial" in variant
    run = daemon.run(
        "remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(tmp_path / "x.png"), "--model", "rmbg-1.4-int8"
    )
    assert run.returncode == 0 or "No subject" in run.stderr, run.stderr
    (daemon.data / "licences.json").unlink()
    refused = daemon.run(
        "remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(tmp_path / "y.png"), "--model", "rmbg-1.4-int8"
    )
    assert refused.returncode == 1 and "matted models pull rmbg-1.4" in refused.stderr


def test_a_variant_with_other_masks_is_thrown_away_and_the_difference_said(new_daemon: Callable[..., Daemon]) -> None:
    """u2netp's masks differ by 0.13 in INT8, with real weights on real photographs."""
    daemon = new_daemon()
    assert daemon.run("models", "pull", "u2netp", "--no-int8").returncode == 0
    done = daemon.run("models", "quantize", "u2netp", "--images", str(PHOTOGRAPHS))
    assert done.returncode == 1
    assert "the masks differ by" in done.stdout and "was not kept" in done.stderr
    assert "u2netp-int8" not in daemon.run("models", "list").stdout


def test_the_variant_of_known_weights_is_made_of_what_comes_with_matted(new_daemon: Callable[..., Daemon]) -> None:
    """u2netp again: these ranges leave what NNCF ruins, and masks stay the same. Its file was put there by hand."""
    daemon = new_daemon()
    done = daemon.run("models", "quantize", "u2netp")
    assert "its ranges come with matted" in done.stdout and "On one photograph" in done.stdout, done.stderr
    differ = re.search(r"the masks differ by ([0-9.]+) on average", done.stdout)
    assert differ and float(differ[1]) < 0.01
    listed = daemon.run("models", "list").stdout
    if done.returncode:
        assert "it is not quicker here" in done.stderr and "u2netp-int8" not in listed
    else:
        assert "u2netp-int8 is installed" in done.stdout and "u2netp-int8" in listed


def test_a_pull_makes_the_variant_and_says_what_became_of_it(
    new_daemon: Callable[..., Daemon], u2netp_file: Path
) -> None:
    daemon = new_daemon(weights=None)
    done = daemon.run("models", "pull", "u2netp", "--from", str(u2netp_file))
    assert done.returncode == 0 and "Making its INT8 variant" in done.stdout, done.stdout + done.stderr
    kept = "u2netp-int8 is installed, too" in done.stdout
    assert kept or "it is not quicker here" in done.stdout
    assert ("u2netp-int8" in daemon.run("models", "list").stdout) == kept


def test_what_cannot_be_made_smaller_is_said(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = new_daemon()
    missing = daemon.run("models", "quantize", "birefnet-lite", "--images", str(PHOTOGRAPHS))
    assert missing.returncode == 1 and "not on this computer" in missing.stderr
    flat = daemon.run("models", "quantize", "flat", "--images", str(PHOTOGRAPHS))
    assert flat.returncode == 1 and "flat has no weights" in flat.stderr
    assert daemon.run("models", "pull", "u2netp", "--no-int8").returncode == 0
    empty = daemon.run("models", "quantize", "u2netp", "--images", str(tmp_path))
    assert empty.returncode == 1 and "no pictures" in empty.stderr


def test_without_photographs_of_ones_own_free_ones_are_downloaded_and_announced(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    weights = small.isnet_like(tmp_path / "standin.onnx", side=256)
    command = ("models", "pull", "isnet-general-use", "--from", str(weights), "--trust")
    assert daemon.run(*command).returncode == 0
    done = daemon.run("models", "quantize", "isnet-general-use")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.index("14 MB, public domain and CC0") < done.stdout.index("Making an INT8 variant")
    assert "On 4 photographs" in done.stdout
    daemon.environ["PIP_INDEX_URL"] = "http://127.0.0.1:9/"
    daemon.run("models", "remove", "isnet-general-use-int8")
    offline = daemon.run("models", "quantize", "isnet-general-use")
    assert offline.returncode == 1
    assert "could not be fetched" in offline.stderr and "--images DIR" in offline.stderr
