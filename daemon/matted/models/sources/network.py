"""What the environment says of the network: proxies, and files of certificates; and whether matted can use them."""

from __future__ import annotations

import os
import urllib.request
from importlib.util import find_spec
from urllib.parse import SplitResult, unquote, urlsplit

from matted_client.endpoint import CERTIFICATES

from matted.models.sources.download import DownloadError, host_of

_PROXIES = ("http", "https", "all")  # kinds of proxies that downloads use
_SOCKS = {"socks", "socks4", "socks4a", "socks5", "socks5h"}
# What the extra `socks` installs: urllib and pip use the first, huggingface_hub's HTTP library the second.
_PACKAGES = {"socks": "PySocks", "socksio": "socksio"}
_HOW = "pipx inject matted PySocks socksio (or, where matted was installed by pip: pip install PySocks socksio)"
SOCKS_HINT = f"Install what that needs beside matted: {_HOW}; and run: matted stop"


def opener(url: str) -> urllib.request.OpenerDirector:
    """Make what opens an address, through the proxy that the environment names for it. Raises DownloadError.

    urllib itself knows neither ALL_PROXY nor SOCKS.
    """
    proxies = urllib.request.getproxies()
    for kind in ("http", "https"):
        proxies.setdefault(kind, proxies.get("all", ""))
    proxies = {kind: proxy for kind, proxy in proxies.items() if proxy}
    parts = urlsplit(url)
    proxy = proxies.get(parts.scheme, "")
    given = _parsed(proxy) if proxy else None
    if given is None or not _is_socks(proxy) or urllib.request.proxy_bypass(parts.netloc):
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({kind: each for kind, each in proxies.items() if not _is_socks(each)})
        )
    _require(proxy)
    import socks
    from sockshandler import SocksiPyHandler

    version = socks.SOCKS4 if given.scheme.startswith("socks4") else socks.SOCKS5
    name, word = (unquote(text) if text else None for text in (given.username, given.password))
    there = given.scheme in ("socks4a", "socks5h")  # where names are looked up
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        SocksiPyHandler(version, given.hostname, given.port or 1080, there, name, word),
    )


def require_proxies() -> None:
    """Raise DownloadError if a program that uses each proxy of the environment could not do so."""
    for proxy in _of_environment():
        if _is_socks(proxy):
            _parsed(proxy)
            _require(proxy)


def certificates_hint() -> str:
    """Say which variable names certificates that are not there; empty if none does."""
    for name in CERTIFICATES:
        place = os.environ.get(name, "")
        if place and not os.path.exists(place):
            return f"{name} is set to {place}, which is not there. Unset it, run matted stop, and try again."
    return ""


def refuse_socks4() -> None:
    """Raise DownloadError if a proxy speaks SOCKS 4, for a program that speaks version 5 alone."""
    for proxy in _of_environment():
        if _scheme(proxy).startswith("socks4"):
            hint = "Name one that speaks version 5, by socks5h://, or use another source."
            raise DownloadError(f"the proxy {_place(proxy)} speaks version 4 of SOCKS, which is too old here", hint)


def _of_environment() -> list[str]:
    """Return the addresses of the proxies that the environment names for downloads."""
    proxies = urllib.request.getproxies()
    return [proxies[kind] for kind in _PROXIES if proxies.get(kind)]


def _scheme(proxy: str) -> str:
    """Return the scheme of a proxy's address, "http" if it has none: host:3128 is an HTTP proxy."""
    scheme, separator, _ = proxy.partition("://")
    return scheme.lower() if separator else "http"


def _is_socks(proxy: str) -> bool:
    return _scheme(proxy) in _SOCKS


def _parsed(proxy: str) -> SplitResult:
    """Return the parts of a proxy's address. Raises DownloadError if it has no host, or a port that is no number."""
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.hostname and (parts.port is None or parts.port > 0):
            return parts
    except ValueError:
        pass
    hint = "Correct the variable that names it, ALL_PROXY for example: socks5h://HOST:PORT"
    raise DownloadError(f"the address of the proxy, {_scheme(proxy)}://…, cannot be understood", hint)


def _place(proxy: str) -> str:
    """Return a proxy's address without its name and password."""
    return f"{_scheme(proxy)}://{host_of(proxy)}"


def _require(proxy: str) -> None:
    """Raise DownloadError if a SOCKS proxy cannot be used."""
    place = _place(proxy)
    if _scheme(proxy) == "socks":
        hint = "Write socks5h:// in the variable that names it, ALL_PROXY for example."
        raise DownloadError(f"the proxy {place} does not say which version of SOCKS it speaks", hint)
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        lacking = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed"
        raise DownloadError(f"the proxy {place} speaks SOCKS, and {lacking}", SOCKS_HINT)
