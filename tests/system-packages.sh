#!/bin/sh
# Usage: system-packages.sh COMMAND PACKAGE
# Install a Debian package unless COMMAND is there ("-": always), or say who has to.
[ "$1" != - ] && command -v "$1" >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes "$2" >/dev/null
elif [ "$1" = - ]; then
    echo "This needs the Debian package $2. Run: sudo apt install $2" >&2
    exit 1
fi
