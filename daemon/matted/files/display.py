"""What a person sees while `matted remove` works."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from matted_client import MattedError, Progress
from matted_client.messages import MaskResult
from matted_client.progress import describe, overall
from tqdm import tqdm


class Display:
    """On stderr: a bar for the pictures, one for a download. What is shown is about one picture, that of `begin`."""

    def __init__(self, count: int) -> None:
        one = count == 1
        form = "{desc}: {percentage:3.0f}% |{bar}|" if one else None
        self._bar = tqdm(total=1.0 if one else count, disable=None, leave=not one, bar_format=form, unit=" pictures")
        self._one = one
        self._download: tqdm[None] | None = None
        self._shown: Path | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end_download()
        self._bar.close()

    def begin(self, source: Path) -> None:
        with self._lock:
            self._shown = source
            self._bar.set_description(source.name)

    def progress(self, source: Path, progress: Progress) -> None:
        """From any thread, about any picture."""
        with self._lock:
            if source != self._shown:
                return
            if progress.stage == "downloading":
                self._show_download(progress)
                return
            self._end_download()
            if self._one:
                self._bar.set_description(describe(progress))
                self._bar.update(max(0.0, overall(progress) - self._bar.n))

    def succeeded(self, target: Path, info: MaskResult, timings: bool) -> None:
        self._advance()
        if self._one or timings:
            tqdm.write(str(target), file=sys.stdout)
        if timings:
            stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in info.timings.items())
            tqdm.write(f"    {info.model} on {info.device}: {stages}", file=sys.stdout)
        for warning in info.warnings:
            tqdm.write(f"    {warning}", file=sys.stderr)

    def failed(self, error: MattedError) -> None:
        self._advance()
        tqdm.write(f"matted: {error.message}", file=sys.stderr)
        if error.hint:
            tqdm.write(f"        {error.hint}", file=sys.stderr)

    def _advance(self) -> None:
        with self._lock:
            self._shown = None
            self._end_download()
            self._bar.update(max(0.0, 1.0 - self._bar.n) if self._one else 1)

    def _show_download(self, progress: Progress) -> None:
        if self._download is None:
            tqdm.write(describe(progress), file=sys.stderr)
            form = "{percentage:3.0f}% |{bar}| {elapsed}"
            self._download = tqdm(total=1.0, bar_format=form)
        self._download.update(max(0.0, (progress.fraction or 0.0) - self._download.n))

    def _end_download(self) -> None:
        if self._download is not None:
            self._download.update(max(0.0, 1.0 - self._download.n))
            self._download.close()
            self._download = None
