"""Weights from the model hub: huggingface_hub finds the file and the user's token, `https` downloads it.

After an interruption, huggingface_hub's own download starts again from nothing; ours goes on.
"""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from matted import __version__
from matted.models.sources import https, network
from matted.models.sources.download import DownloadError, Monitor, Unreachable
from matted.models.sources.response import not_proven, words
from matted.models.spec import Source

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

_TOKENS = "https://huggingface.co/settings/tokens"
_SHA256_DIGITS = 64  # a large file's ETag on the hub is its hash


def fetch(source: Source, folder: Path, monitor: Monitor) -> Path:
    """Download the file into `folder`. Raises DownloadError, OSError."""
    import huggingface_hub
    from huggingface_hub import constants

    # It would else tell the hub more about this computer than a file needs, and download a list to find that out.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    monitor.check()
    token = huggingface_hub.get_token()
    url = huggingface_hub.hf_hub_url(source.repo, source.path, revision=source.revision)
    found = _look_up(source, url, token)
    etag = found.etag or ""
    if (source.bytes and found.size not in (None, source.bytes)) or (
        source.sha256 and len(etag) == _SHA256_DIGITS and etag != source.sha256
    ):
        raise DownloadError(f"{source.repo} has another {source.path} by now than the one that matted knows")
    same_host = urllib.parse.urlsplit(url).netloc == urllib.parse.urlsplit(found.location).netloc
    return https.fetch(
        found.location,
        folder,
        found.size or source.bytes,
        monitor,
        token=token if same_host else None,  # where large files lie, the address itself is the permission
        identity=f"{source.repo}@{source.revision}/{source.path} {etag}",
    )


def _look_up(source: Source, url: str, token: str | None) -> HfFileMetadata:
    from huggingface_hub import constants, get_hf_file_metadata
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    host = urllib.parse.urlsplit(url).netloc
    network.require_proxies()
    network.refuse_socks4()
    try:
        found: HfFileMetadata = get_hf_file_metadata(
            url, token=token or False, library_name="matted", library_version=__version__
        )
        return found
    except OfflineModeIsEnabled as error:
        raise DownloadError("HF_HUB_OFFLINE is set", "Unset it, and try again.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):  # a gated repository, and to strangers also one that is not there
            raise _closed(source, f"{constants.ENDPOINT}/{source.repo}", token) from error
        if isinstance(error, (RevisionNotFoundError, EntryNotFoundError)):
            raise DownloadError(f"{source.repo} has no {source.path} at revision {source.revision}") from error
        if isinstance(error, RepositoryNotFoundError):
            raise DownloadError(f"{host} has no repository {source.repo}") from error
        raise DownloadError(f"{host} answered {status}") from error
    except Exception as error:  # the HTTP library under huggingface_hub has changed twice, and its exceptions with it
        why = words(error)
        if "certificate" in why:
            raise not_proven(host, why) from error
        hint = network.certificates_hint() if isinstance(error, OSError) else ""
        if hint:  # a library could not even begin
            raise DownloadError(f"{host} could not be reached ({why})", hint) from error
        raise Unreachable(f"{host} could not be reached ({why})") from error


def _closed(source: Source, page: str, token: str | None) -> DownloadError:
    if token:
        return DownloadError(
            f"{source.repo} does not let your token in",
            f"Log in at {page} and agree to its terms; then see at {_TOKENS} that the token may read gated "
            "repositories, and pull again.",
        )
    return DownloadError(
        f"{source.repo} is only given to people who are logged in and have agreed to its terms",
        f"Agree to them at {page}, make a token at {_TOKENS}, run `hf auth login` (or put the token into HF_TOKEN), "
        "and pull again.",
    )
