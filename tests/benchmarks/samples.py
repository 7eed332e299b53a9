"""What was measured: samples, kept as JSON so that a section can be measured again by itself."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One thing measured several times.

    what: its name in the document. seconds: each repetition; samples of one loop have as many, and those of one round
    stand at the same place. stages: medians in seconds, of the stages that the daemon told. bytes: of memory.
    """

    model: str
    what: str
    megapixels: float = 0.0
    seconds: Sequence[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    bytes: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass
class Section:
    """What one kind of measurement found of one model, or the error that ended it. model: empty where there is none."""

    kind: str
    model: str
    error: str = ""
    samples: list[Sample] = field(default_factory=list)


class Results:
    """All sections by kind and model, in a file that is written after each. go_on: begin with what is in the file."""

    def __init__(self, file: Path, go_on: bool) -> None:
        self._file = file
        self.sections: dict[tuple[str, str], Section] = {}
        if go_on and file.exists():
            for fields in json.loads(file.read_text("utf-8")):
                samples = [Sample(**sample) for sample in fields.pop("samples")]
                self._add(Section(**fields, samples=samples))

    def put(self, section: Section) -> None:
        self._add(section)
        text = json.dumps([dataclasses.asdict(each) for each in self.sections.values()], indent=1)
        draft = self._file.with_suffix(".part")
        draft.write_text(text + "\n", "utf-8")
        draft.replace(self._file)

    def models(self) -> list[str]:
        return list(dict.fromkeys(model for _, model in self.sections if model))

    def of(self, kind: str, **fields: Any) -> Iterator[Sample]:
        """The samples of a kind whose fields have these values."""
        for section in self.sections.values():
            if section.kind == kind:
                for sample in section.samples:
                    if all(getattr(sample, name) == value for name, value in fields.items()):
                        yield sample

    def one(self, kind: str, **fields: Any) -> Sample | None:
        return next(self.of(kind, **fields), None)

    def _add(self, section: Section) -> None:
        self.sections[section.kind, section.model] = section


def beyond(sample: Sample, bare: Sample) -> float:
    """Median over the rounds of how much longer `sample` took than `bare` in the same round. Seconds."""
    return statistics.median(one - other for one, other in zip(sample.seconds, bare.seconds, strict=True))


def ratio(sample: Sample, other: Sample) -> float:
    """Median over the rounds of sample / other."""
    return statistics.median(one / two for one, two in zip(sample.seconds, other.seconds, strict=True))
