"""Read the files that the settings of the server name: its token, and certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

from matted.inference.engines.kserve.connection import ServerError
from matted.settings.server import ServerSettings

MAX_BYTES = 1 << 20


def token(settings: ServerSettings) -> str:
    """Return the token, empty if there is none. Raises ServerError."""
    if settings.token_file is None:
        return ""
    text = read(settings.token_file, "token_file").strip()
    try:
        words = text.decode("ascii")
    except UnicodeDecodeError:
        words = ""
    if not words or not words.isprintable() or " " in words:
        raise ServerError(f"{settings.token_file} has no token in it.", "It holds the token, and nothing else.")
    return words


def read(path: Path, setting: str) -> bytes:
    """Return the content of a file. setting: that names it. Raises ServerError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        message = f"The file that server.{setting} names cannot be read: {path}: {error.strerror or error}."
        raise ServerError(message, "Correct it in config.toml, then: matted reload") from error
    if len(content) > MAX_BYTES:
        raise ServerError(f"The file that server.{setting} names is too large: {path}.", "Is it the right one?")
    return content


def context(settings: ServerSettings) -> ssl.SSLContext:
    """Return what TLS connections are made with: certificates are checked, and names. Raises ServerError."""
    authorities = None
    if settings.ca_file is not None:
        authorities = read(settings.ca_file, "ca_file").decode("ascii", "replace")
    try:
        made = ssl.create_default_context(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise ServerError(f"{settings.ca_file} has no certificates in it.", "PEM is expected.") from error
    if settings.client_certificate is not None:
        read(settings.client_certificate, "client_certificate")  # says what is wrong with it, by its name
        try:
            made.load_cert_chain(settings.client_certificate, password=b"")  # or it would ask on the terminal
        except (ssl.SSLError, OSError, ValueError) as error:
            message = f"{settings.client_certificate} has no certificate with its key."
            raise ServerError(
                message, "PEM is expected: the certificate, and its private key without a password."
            ) from error
    return made
