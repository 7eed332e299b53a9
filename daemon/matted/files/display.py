"""Show progress, results and errors on the terminal while `matted remove` works."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from matted_client import MattedError, Progress
from matted_client.messages import MaskResult
from matted_client.progress import describe, overall
from tqdm import tqdm


class Display:
    """Progress bars on stderr: one for the pictures, one for a download. May be used from any thread.

    With a single picture its bar shows the progress within it, else how many pictures are done. Progress of any other
    picture than that of the latest `begin` is ignored.
    """

    def __init__(self, count: int, single: bool) -> None:
        """count: how many pictures there are. single: whether it is one that was asked for alone."""
        form = "{desc}: {percentage:3.0f}% |{bar}|" if single else None
        total = 1.0 if single else count
        self._bar = tqdm(total=total, disable=None, leave=not single, bar_format=form, unit=" pictures")
        self._single = single
        self._download: tqdm[None] | None = None
        self._current: Path | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end_download()
        self._bar.close()

    def begin(self, source: Path) -> None:
        """Show the progress of this picture from now on."""
        with self._lock:
            self._current = source
            self._bar.set_description(source.name)

    def show_progress(self, source: Path, progress: Progress) -> None:
        """Show how far a picture is, if it is the current one."""
        with self._lock:
            if source != self._current:
                return
            if progress.stage == "downloading":
                self._show_download(progress)
                return
            self._end_download()
            if self._single:
                self._bar.set_description(describe(progress))
                self._bar.update(max(0.0, overall(progress) - self._bar.n))

    def show_result(self, target: Path, info: MaskResult, timings: bool) -> None:
        """Print the file of the current picture's result, and its warnings. timings: also the seconds of each stage."""
        self._advance()
        if self._single or timings:
            tqdm.write(str(target), file=sys.stdout)
        if timings:
            stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in info.timings.items())
            tqdm.write(f"    {info.model} on {info.device}: {stages}", file=sys.stdout)
        for warning in info.warnings:
            tqdm.write(f"    {warning}", file=sys.stderr)

    def show_error(self, error: MattedError) -> None:
        """Print why there is no result for the current picture."""
        self._advance()
        tqdm.write(f"matted: {error.message}", file=sys.stderr)
        if error.hint:
            tqdm.write(f"        {error.hint}", file=sys.stderr)

    def _advance(self) -> None:
        with self._lock:
            self._current = None
            self._end_download()
            self._bar.update(max(0.0, 1.0 - self._bar.n) if self._single else 1)

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
