"""Know which films are read and written, and with which of PyAV's codecs. PyAV is imported where it is needed."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.files.formats import known

GET_PYAV = "Get it with: pip install 'matted[video]'; where pipx has put matted, with: pipx inject matted av."
# What is a film by its name. Other names are pictures, of which some move.
SUFFIXES = {
    ".3gp": "MPEG-4",
    ".avi": "AVI",
    ".flv": "Flash",
    ".m2ts": "MPEG transport stream",
    ".m4v": "MPEG-4",
    ".mkv": "Matroska",
    ".mov": "QuickTime",
    ".mp4": "MPEG-4",
    ".mpeg": "MPEG",
    ".mpg": "MPEG",
    ".mts": "MPEG transport stream",
    ".ogv": "Ogg",
    ".ts": "MPEG transport stream",
    ".webm": "WebM",
    ".wmv": "Windows Media",
}
NUMBER = re.compile(r"%(0[1-9])?d")  # the place of a number in the name of a file, as FFmpeg has it
_CRF = 0.9  # by which a step of quality lowers the rate factor of VP9 and H.264


class FilmError(MattedError):
    """A film cannot be read or written. The message names the file and the reason."""


@dataclass(frozen=True)
class FilmForm:
    """A format that films are written in.

    name: as --format has it.
    title: as people write it.
    suffixes: of its files; results get the first.
    container: FFmpeg's name of it.
    codec: FFmpeg's name of the encoder.
    pixels: FFmpeg's name of the format of its pixels.
    options: of the encoder.
    keeps: what it keeps, in a few words.
    alpha: whether films can be transparent.
    sound: whether films can have sound.
    joined: whether parts of a film are joined as they are; else it is written at a go, from lossless parts.
    even: whether both sides have to be even.
    quality: that is taken if none is said, 1 to 100; None for what has none.
    most: frames a second that it can have; None for any.
    muxing: options of the container.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    container: str
    codec: str
    pixels: str
    keeps: str
    options: dict[str, str] = field(default_factory=dict)
    alpha: bool = True
    sound: bool = True
    joined: bool = True
    even: bool = False
    quality: int | None = None
    most: int | None = None
    muxing: dict[str, str] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """What it keeps, in a few words, and whether there is a quality."""
        return self.keeps + (f"; --quality, 1 to 100 (default: {self.quality})" if self.quality is not None else "")

    def encoding(self, quality: int | None) -> dict[str, str]:
        """Return the options of the encoder. quality: 1 to 100; None for that of the format."""
        quality = self.quality if quality is None else quality
        if quality is None:
            return dict(self.options)
        if self.joined:
            return {**self.options, "crf": str(round((100 - quality) * _CRF) if quality > 43 else 51)}
        return {**self.options, "lossless": str(int(quality == 100)), "quality": str(quality)}


# A fixed scale in the place of a fixed size: to look for the scale that fits takes six times as long. 118 is FFmpeg's
# unit of it.
PRORES = FilmForm(
    *("prores", "ProRes 4444", (".mov",), "mov", "prores_ks", "yuva444p10le"),
    "10 bits, alpha of 16, sound; for editors",
    {"profile": "4444", "alpha_bits": "16", "vendor": "apl0", "flags": "+qscale", "global_quality": str(4 * 118)},
)
VP9 = FilmForm(
    *("vp9", "VP9", (".webm",), "webm", "libvpx-vp9", "yuva420p"),
    "8 bits, alpha, sound; for browsers",
    {"auto-alt-ref": "0", "b": "0", "row-mt": "1", "cpu-used": "4", "deadline": "good"},  # frames that wait lose alpha
    quality=75,
)
H264 = FilmForm(
    *("h264", "H.264", (".mp4",), "mp4", "libx264", "yuv420p"),
    "8 bits, sound; with --background, or masks",
    {"preset": "medium", "bf": "0"},  # without frames that look ahead, parts are joined as they are
    alpha=False,
    even=True,
    quality=80,
    muxing={"movflags": "+faststart"},
)
FFV1 = FilmForm(
    *("ffv1", "FFV1", (".mkv",), "matroska", "ffv1", "bgra"),
    "8 bits, alpha, sound; lossless",
    {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"},
)
WEBP = FilmForm(
    *("webp", "animated WebP", (".webp",), "webp", "libwebp_anim", "bgra"),
    "8 bits, alpha; 100 is lossless",
    sound=False,
    joined=False,
    quality=90,
    muxing={"loop": "0"},
)
APNG = FilmForm(
    *("apng", "APNG", (".apng", ".png"), "apng", "apng", "rgba"),
    "8 bits, alpha; lossless",
    {"pred": "paeth"},
    sound=False,
    joined=False,
    muxing={"plays": "0"},
)
GIF = FilmForm(
    *("gif", "GIF", (".gif",), "gif", "gif", "pal8"),
    "256 colours, alpha on or off",
    sound=False,
    joined=False,
    most=50,
    muxing={"loop": "0"},
)
MOVING = (*GIF.suffixes, *WEBP.suffixes, *APNG.suffixes)  # of pictures that may move
FORMS = {form.name: form for form in (PRORES, VP9, H264, FFV1, WEBP, APNG, GIF)}


def form_of(name: str) -> FilmForm | None:
    """Return the format of a film by the name of its file; None if no film has such a suffix, as .png, a picture's."""
    suffix = Path(name).suffix.lower()
    return next((form for form in FORMS.values() if suffix in form.suffixes and suffix != ".png"), None)


def is_there() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its name, or a picture of several frames, of a format that films are read from."""
    if path.suffix.lower() not in MOVING:
        return path.suffix.lower() in SUFFIXES
    try:
        with known.open_picture(path) as image:
            image.seek(1)  # `is_animated` goes through all frames, and fails where one of them is damaged
            return True
    except Exception:  # EOFError is for a single frame. Reading it as a picture says what is the matter with others
        return False


def are_films(inputs: Sequence[Path], output: str | None, form: str | None) -> bool:
    """Whether inputs are films, and not pictures. A picture that moves is one, unless one picture is to come of it.

    A GIF of a single frame is one where a film is to come of it: as a picture it could not become another GIF.

    form: a name that --format takes.
    """
    wanted = form in FORMS and form not in known.FORMS
    wanted = wanted or (output is not None and form_of(output) is not None and known.form_of(output) is None)

    def is_one(path: Path) -> bool:
        return path.is_file() and ((wanted and path.suffix.lower() in GIF.suffixes) or is_film(path))

    if not inputs or not all(is_one(path) for path in inputs):
        return False
    if any(path.suffix.lower() in SUFFIXES for path in inputs) or form in FORMS:
        return True
    picture = output is not None and known.form_of(output) is not None and form_of(output) is None
    return form is None and not (picture and not NUMBER.search(output or ""))


def missing() -> dict[str, str]:
    """Return what could be read and written with PyAV, with how to get it, if that is not there."""
    return {} if is_there() else {"PyAV, for films": GET_PYAV}


def library() -> Any:
    """Import PyAV. Raises FilmError if it is not there, or does not start."""
    try:
        import av
    except ImportError as error:
        if is_there():
            raise FilmError(f"PyAV, which reads and writes films, does not start: {error}.") from error
        raise FilmError("Films are read and written by PyAV, which is not installed.", GET_PYAV) from error
    return av


def open_given(path: Path) -> Any:
    """Open a film that a person has given, whatever its tags hold. Raises what PyAV raises."""
    av = library()
    # PyAV replaces what is no text in a tag by itself from 19 on.
    replacing = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
    # Nothing in a file leads to the network.
    return av.open(f"file:{path}", container_options={"protocol_whitelist": "file"}, **replacing)


def can_write(form: FilmForm) -> bool:
    """Whether this PyAV has the encoder."""
    return is_there() and form.codec in library().codecs_available


def refuse_missing(form: FilmForm) -> None:
    """Raise FilmError if this PyAV cannot write the format."""
    for name in {form.codec, form.codec if form.joined else FFV1.codec}:
        if name not in library().codecs_available:
            others = ", ".join(other.name for other in FORMS.values() if other != form and can_write(other))
            hint = f"Choose another with --format: {others}, or png for numbered frames."
            raise FilmError(f"This PyAV cannot write {form.title}: its FFmpeg has no {name}.", hint)


def reason(error: BaseException) -> str:
    """Return what FFmpeg or the system says, without a full stop."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
