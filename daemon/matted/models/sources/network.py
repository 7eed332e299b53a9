"""What the environment says of the network: proxies, and files of certificates; and whether matted can use them."""

from __future__ import annotations

import os
import urllib.request
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from matted.models.sources.download import DownloadError, host_of

_PROXIES = ("http", "https", "all")  # kinds of proxies that downloads use
# What the extra `socks` installs: urllib and pip use the first, huggingface_hub's HTTP library the second.
_PACKAGES = {"socks": "PySocks", "socksio": "socksio"}
_HOW = "pipx inject matted PySocks socksio (or, where matted was installed by pip: pip install PySocks socksio)"
SOCKS_HINT = f"Install what that needs beside matted: {_HOW}; and run: matted stop"
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


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
    if not _is_socks(proxy) or urllib.request.proxy_bypass(parts.netloc):
        return urllib.request.build_opener(
            urllib.request.ProxyHandler({kind: each for kind, each in proxies.items() if not _is_socks(each)})
        )
    _require(proxy)
    import socks
    from sockshandler import SocksiPyHandler

    given = urlsplit(proxy)
    version = socks.SOCKS4 if given.scheme.startswith("socks4") else socks.SOCKS5
    name, word = (unquote(text) if text else None for text in (given.username, given.password))
    there = given.scheme in ("socks4a", "socks5h")  # where names are looked up
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        SocksiPyHandler(version, given.hostname, given.port or 1080, there, name, word),
    )


def require_proxies() -> None:
    """Raise DownloadError if a program that uses each proxy of the environment could not do so."""
    proxies = urllib.request.getproxies()
    for proxy in (proxies.get(kind, "") for kind in _PROXIES):
        if _is_socks(proxy):
            _require(proxy)


def certificates_hint() -> str:
    """Say which variable names certificates that are not there; empty if none does."""
    for name in _CERTIFICATES:
        place = os.environ.get(name, "")
        if place and not os.path.exists(place):
            return f"{name} is set to {place}, which is not there. Unset it, run matted stop, and try again."
    return ""


def _is_socks(proxy: str) -> bool:
    return urlsplit(proxy).scheme.startswith("socks")


def _require(proxy: str) -> None:
    """Raise DownloadError if a SOCKS proxy cannot be used."""
    place = f"{urlsplit(proxy).scheme}://{host_of(proxy)}"
    if urlsplit(proxy).scheme == "socks":
        hint = "Write socks5h:// (or socks4a://) in the variable that names it, ALL_PROXY for example."
        raise DownloadError(f"the proxy {place} does not say which version of SOCKS it speaks", hint)
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        lacking = f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not installed"
        raise DownloadError(f"the proxy {place} speaks SOCKS, and {lacking}", SOCKS_HINT)
