"""All hosts, by their ids. Whoever works with hosts takes them from here."""

from __future__ import annotations

from matted.hosts.gimp import Gimp
from matted.hosts.host import Host
from matted.hosts.krita import Krita

HOSTS: dict[str, Host] = {host.id: host for host in (Gimp(), Krita())}
