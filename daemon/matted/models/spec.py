"""A model as data: Entry is what is said of any, ModelSpec and Decoder how one is fed, Source where its weights are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ALGORITHMS = ("sha256", "sha384", "md5")  # of the digest of a file of weights, the best first
ANY, PEOPLE, DRAWINGS = "any", "people", "drawings"  # the subjects that a model is for
MODEL, DECODER = "model", "decoder"  # the graphs of a model; what their files are called, without a suffix


@dataclass(frozen=True)
class Source:
    """Where the weights can be had.

    kind "hub": `path` in the model repository `repo` at `revision`. "https": the file at `url`. "package-index":
    `member` of the wheel of `package`. "npm": `resource` of the npm package `package`, joined from its chunks.

    name: what it is asked for by; its kind if there is only one of that. bytes: of the weights file that it yields, 0
    if not exactly known; then `roughly` may say. travels: bytes to download if that is not the same. sha256, sha384,
    md5: of the weights file; one is enough, and MD5 only where nothing better is published. opt_in: used only when
    asked for by its name. licence_note: what there is to know about this source's own terms. decoder: where it has the
    second graph of a model that takes clicks; None for other models.
    """

    kind: str
    name: str = ""
    repo: str = ""
    revision: str = ""
    path: str = ""
    url: str = ""
    package: str = ""
    member: str = ""
    resource: str = ""
    bytes: int = 0
    roughly: int = 0
    travels: int = 0
    sha256: str = ""
    sha384: str = ""
    md5: str = ""
    opt_in: bool = False
    licence_note: str = ""
    decoder: Source | None = None

    @property
    def files(self) -> tuple[Source, ...]:
        """Where it has each of the model's graphs, in the order of ModelSpec.graphs."""
        return (self,) if self.decoder is None else (self, self.decoder)

    @property
    def digest(self) -> tuple[str, str] | None:
        """(algorithm, hexadecimal digest) of the weights file, None if it is not known."""
        for algorithm in ALGORITHMS:
            if getattr(self, algorithm):
                return algorithm, getattr(self, algorithm)
        return None

    @property
    def weights_bytes(self) -> int:
        """The best that is known about the size of the files of weights together, 0 for nothing."""
        return sum(each.bytes or each.roughly for each in self.files)

    @property
    def download_bytes(self) -> int:
        return sum(each.travels or each.bytes or each.roughly for each in self.files)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if self.kind == "hub":
            return f"{self.repo}, {self.path}"
        if self.kind == "package-index":
            return f"Python package {self.package}, {self.member}"
        return f"npm package {self.package}, {self.resource}" if self.kind == "npm" else self.url


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry of the catalogue: what is said of every model, with or without weights.

    id: what it is asked for by.
    title, about: its name and what it is good for, for people.
    licence, licence_url: an SPDX id or a name, and where it can be read.
    commercial: whether commercial use is allowed.
    terms: what else there is to know about the licence, a clause; or empty.
    accept: whether the licence has to be accepted before the model is used.
    own: whether it is a user's own.
    """

    id: str
    title: str
    about: str
    licence: str
    licence_url: str
    commercial: bool
    terms: str = ""
    accept: bool = False
    own: bool = False

    @property
    def bytes(self) -> int:
        """Of the weights, as well as is known; 0 where there are none, and for a user's own."""
        return 0

    @property
    def needs_plate(self) -> bool:
        return False

    @property
    def takes_clicks(self) -> bool:
        """Whether it finds what a box or clicks point at, and nothing without them."""
        return False

    @property
    def refines(self) -> bool:
        """Whether it finds no subject, but refines the edge of a mask that is there."""
        return False

    @property
    def remembers(self) -> bool:
        """Whether it remembers the frames before in the frames of one scene."""
        return False

    @property
    def takes_a_picture_alone(self) -> bool:
        """Whether it finds the subject of a picture without being shown or told anything else."""
        return not (self.needs_plate or self.takes_clicks or self.refines)

    @property
    def downloadable(self) -> bool:
        """Whether it is downloaded where a request asks for that: a hash is known, and no source has to be named."""
        return False

    @property
    def licensed_by(self) -> str:
        """Id of the model whose licence holds for this one, accepted or not."""
        return self.id

    @property
    def use(self) -> str:
        """What may be done with it, for people."""
        use = "free, also for commercial work" if self.commercial else "non-commercial only"
        return f"{use}; {self.terms}" if self.terms else use

    @property
    def purpose(self) -> dict[str, Any]:
        """How good its masks are, and of what: see ModelSpec."""
        return {"quality": 0, "subject": ANY}

    def facts(self) -> dict[str, Any]:
        """What every listing for programs says of a model."""
        names = ("id", "title", "about", "licence", "licence_url", "commercial", "bytes")
        facts = {name: getattr(self, name) for name in names}
        kinds = {"plate": self.needs_plate, "clicks": self.takes_clicks, "refines": self.refines}
        kinds["memory"] = self.remembers
        return {**facts, **self.purpose, **kinds, "downloadable": self.downloadable}


class BuiltIn(Entry):
    """A model that is a part of matted: code, without weights. There is nothing to download, to load or to delete."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """How the second graph of a model that takes clicks is fed and read.

    The first graph, the encoder, is shown the picture, once. The decoder makes masks of what it returned, and of a
    prompt: points, and corners of a box, in pixels of the encoder's input.

    features: names of the inputs that take the encoder's outputs, in their order.
    points, labels: names of the inputs for the places x, y and for what is there: 1 the subject, 0 background, 2 and 3
        the corners of a box, -1 nothing.
    earlier: names of the inputs for the raw mask of an earlier answer, and for whether there is one; none if it takes
        none.
    outputs: names or indices of the outputs that are kept: several raw masks, each a quarter of the input's side, and a
        score for each, which is higher for a better one. Of four masks the first is for prompts of more than a point.
    constants: (name, value) of inputs of the graph that are always the same.
    padding: whether a prompt without a box needs one more place with nothing, as a graph may that was exported so.
    background: whether it understands places of the background.
    most: how many places it takes.
    """

    features: tuple[str, ...]
    points: str
    labels: str
    earlier: tuple[str, ...] = ()
    outputs: tuple[str | int, ...]
    constants: tuple[tuple[str, float], ...] = ()
    padding: bool = False
    background: bool = True
    most: int = 64

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all its inputs, in the order in which an engine is given them."""
        return (*self.features, self.points, self.labels, *self.earlier)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Entry):
    """A model with weights: what differs between such models, and nothing else. Its id is the name of its folder.

    automatic: whether it is fetched at first use without being asked for.
    family: the architecture.
    inputs: "image"; "image+plate", two inputs; "image+clicks"; or "image+trimap", a trimap being a fourth plane of the
        one input, of 0, 128 where alpha is unknown, and 255. Mean and std are not of it.
    decoder: the second graph of a model with the inputs "image+clicks"; None for others.
    states: (input, output) of the graph, by name, through which it remembers the frames before of a film: what it gave
        for one frame it is given with the next. 0 before the first, and for a picture by itself.
    coarse: (name, pixels) of the input that says how much the graph shrinks the picture for a first, coarse pass: its
        longer side has at most so many pixels there; None if there is no such input.
    fit: how a picture is shown to it, an entry of arithmetic.FITS.
    side: pixels, of the square input, or as the fit says; 0 where it says nothing.
    multiple: pixels; sides of the input that are not fixed are multiples of it.
    resample: how pictures are made smaller for it, an entry of arithmetic.RESAMPLINGS.
    scale: what 8-bit samples are divided by, "max" (the picture's brightest sample) or "255".
    mean, std: per channel R, G, B; subtracted, then divided by, after the scale.
    outputs: names or indices of the graph's outputs that are kept: the matte, then, where there is one, the foreground;
        of a model that takes clicks all that the decoder is given.
    activation: how the first output becomes a matte, an entry of arithmetic.ACTIVATIONS.
    subject_floor: a picture whose confidence (mask.subject) is less shows no subject.
    unseen: whether those who wrote the spec never ran its weights, but another graph with the same inputs and outputs.
        They are tried on a picture when they are installed.
    precision: of the weights as they are stored, "fp32" or "fp16".
    bfloat16: whether its masks are known to hardly change where a CPU computes in it.
    peak_bytes: the most memory that it takes while it runs.
    quality: how good its masks are, 0..100; catalogue.toml says by what measure. 0: not known.
    work: GFLOP of an inference, for an estimate of its seconds before the first. 0: not known.
    subject: what it is for: ANY, PEOPLE or DRAWINGS.
    sources: where its weights can be had, in the order in which they are tried.
    made_from: id of the model that this is a variant of; that one's licence, accepted or not, holds for it.
    """

    family: str
    side: int
    scale: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: str
    outputs: tuple[str | int, ...]
    activation: str
    subject_floor: float
    precision: str
    peak_bytes: int
    sources: tuple[Source, ...] = ()
    inputs: str = "image"
    states: tuple[tuple[str, str], ...] = ()
    coarse: tuple[str, int] | None = None
    fit: str = "squash"
    multiple: int = 4
    automatic: bool = False
    bfloat16: bool = False
    unseen: bool = False
    made_from: str = ""
    quality: int = 0
    work: float = 0.0
    subject: str = ANY
    decoder: Decoder | None = None

    @property
    def purpose(self) -> dict[str, Any]:
        return {"quality": self.quality, "subject": self.subject}

    @property
    def can_be_chosen(self) -> bool:
        """Whether it may be chosen by itself: for any subject, of a picture alone, and without conditions."""
        good = self.takes_a_picture_alone and self.subject == ANY and self.quality > 0
        return good and self.commercial and not self.accept

    @property
    def graphs(self) -> tuple[str, ...]:
        """Its graphs, each a file of its own."""
        return (MODEL,) if self.decoder is None else (MODEL, DECODER)

    @property
    def file(self) -> str:
        """What the weights are called when they are put into the models folder by hand."""
        return f"{self.id}.onnx"

    @property
    def files(self) -> tuple[str, ...]:
        """What the weights of each graph are called when they are put there by hand: mobile-sam.decoder.onnx, say."""
        return (self.file,) if self.decoder is None else (self.file, f"{self.id}.{DECODER}.onnx")

    @property
    def bytes(self) -> int:
        return self.sources[0].weights_bytes if self.sources else 0

    @property
    def needs_plate(self) -> bool:
        return self.inputs == "image+plate"

    @property
    def takes_clicks(self) -> bool:
        return self.inputs == "image+clicks"

    @property
    def refines(self) -> bool:
        return self.inputs == "image+trimap"

    @property
    def remembers(self) -> bool:
        return bool(self.states)

    @property
    def automatic_sources(self) -> tuple[Source, ...]:
        """The sources that are used without being named: no opt-in, and a hash that can be checked."""
        return tuple(each for each in self.sources if all(file.digest for file in each.files) and not each.opt_in)

    @property
    def downloadable(self) -> bool:
        return bool(self.automatic_sources)

    @property
    def licensed_by(self) -> str:
        return self.made_from or self.id

    @property
    def use(self) -> str:
        return "your own file" if self.own and not self.made_from else super().use

    @property
    def how_to_get(self) -> str:
        """The command that installs it, or installs it again, for a hint."""
        if self.made_from:
            return f"matted models remove {self.id}; matted models quantize {self.made_from}"
        if self.own:
            return f"matted models remove {self.id}, then add it again"
        if self.automatic_sources or not self.sources:
            return f"matted models pull {self.id}"
        return f"matted models pull {self.id} --source {self.sources[0].name} --trust"

    @property
    def summary(self) -> str:
        """What is downloaded, how big it is and under which licence, for the person who waits for it."""
        return f"{self.title} ({self.id}), {self.bytes / 1e6:.1f} MB, licence {self.licence}"
