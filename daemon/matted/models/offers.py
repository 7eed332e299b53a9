"""Remember that a better model was offered to the user: nobody is asked twice."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from matted.models.licences import now
from matted.system import atomic_file

log = logging.getLogger(__name__)


class Offers:
    """file: JSON, the model that was offered, and when. That it is there says that there was an offer."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def first(self, model: str) -> bool:
        """Record the first offer. Returns False if there was one before, of whatever model, or none can be recorded."""
        if self._file.exists():
            return False
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            atomic_file.write(self._file, (json.dumps({"model": model, "offered": now()}, indent=2) + "\n").encode())
        except OSError as error:  # who cannot be told that it was there once would be told each time
            log.warning("%s cannot be written: %s", self._file, error)
            return False
        return True
