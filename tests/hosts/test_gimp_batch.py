"""The examples of docs/gimp-batch.md, as they stand there, in the real GIMP."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hosts.gimp.pictures import REFINE, WITH_DIALOG, Picture, photograph
from hosts.gimp.session import Gimp
from hosts.installed import Installed
from PIL import Image

PAGE = (Path(__file__).parents[2] / "docs" / "gimp-batch.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(f"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("language", "file"), [("python", "cut-out.py"), ("scheme", "cut-out.scm")])
def test_a_folder_is_cut_out(gimp: Gimp, installed: Installed, language: str, file: str) -> None:
    (script,) = blocks(language)
    (command,) = [block for block in blocks("sh") if file in block]
    folder = installed.outside(f"{installed.home}/pictures")
    folder.mkdir()
    try:
        for name, picture in (("one", photograph()), ("two", photograph().resize((200, 120)))):
            picture.save(folder / f"{name}.jpg", quality=95)
        installed.outside(f"{installed.home}/{file}").write_text(script, "utf-8")
        installed.root.run(["sh", "-c", f"cd {installed.home} && {command}"], installed.env)
        for name in ("one", "two"):
            opened = Picture(gimp, f"{installed.home}/pictures/{name}.jpg")  # Pillow decodes JPEG a little differently
            with Image.open(folder / f"{name}.png") as cut_out:
                assert cut_out.getchannel("A").tobytes() == installed.mask_of(opened.pixels(), edges="hair")
            gimp.close_image(opened.id)
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def test_the_page_lists_what_the_procedures_take(gimp: Gimp) -> None:
    part = PAGE[PAGE.index("## Arguments") : PAGE.index("## A folder")]
    common, options, refining = (
        re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE) for table in part.split("|---|---|---|---|")[1:]
    )
    assert common + options == gimp.arguments() == gimp.arguments(WITH_DIALOG)
    assert common + refining == gimp.arguments(REFINE)
