"""The lists of options in the documents, made from their entries: `make documents` writes them, a test compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from matted_client import options
from matted_client.options import LayerOptions, MaskOptions, Option, RefineOptions, entries

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = (
    "docs/protocol.md",
    "docs/gimp-batch.md",
    "plugins/gimp/remove-background/help/en/remove-background.html",
    "plugins/krita/remove_background/Manual.html",
)
_BETWEEN = re.compile(r"(<!-- (?P<list>[a-z ]+), made by: make documents -->\n).*?(<!-- end of the list -->)", re.S)
_TYPES = {
    options.MODEL: "text",
    options.CHOICE: "text",
    options.YES_NO: "boolean",
    options.WHOLE: "integer",
    options.NUMBER: "number",
    options.LAYER: "a layer",
}


def protocol_table(kind: Any = MaskOptions) -> str:
    """The fields of a question that are options."""
    lines = ["| field | type | if left out | |", "|---|---|---|---|"]
    for name, entry in entries(kind).items():
        nil = " or nil" if entry.default is None else ""
        lines.append(f"| `{name}` | {_type(entry)}{nil} | {_shown(entry.default, 'nil')} | {_sentences(entry)} |")
    return "\n".join(lines) + "\n"


def gimp_table(kind: Any = LayerOptions) -> str:
    """The arguments of GIMP's procedures that are options."""
    lines = ["| argument | values | default | |", "|---|---|---|---|"]
    for name, entry in entries(kind).items():
        default = entry.default
        if entry.switch is not None:
            switch, about = entry.switch, f"{entry.switch.label.replace('_', '')}. {entry.switch.about}."
            lines.append(f"| `{switch.name}` | boolean | {_shown(default is not None)} | {about} |")
            default = switch.start if default is None else default
        values = ", ".join(f'`"{choice.value}"`' for choice in entry.choices) or _type(entry)
        shown = f'`"{default}"`' if isinstance(default, str) else _shown(default, "none")
        lines.append(f"| `{name.replace('_', '-')}` | {values} | {shown} | {_sentences(entry)} |")
    return "\n".join(lines) + "\n"


def help_list(kind: Any = LayerOptions, switches: bool = False) -> str:
    """What the controls of a dialog are for, in HTML. switches: whether they have controls of their own."""
    lines = ["<dl>"]
    for entry in entries(kind).values():
        if switches and entry.switch is not None:
            lines += [f"<dt>{entry.switch.label.replace('_', '')}</dt>", f"<dd>{entry.switch.about}.</dd>"]
        lines.append(f"<dt>{entry.label.replace('_', '')}</dt>")
        choices = (f"<em>{choice.label}</em>: {_lower(choice.about)}." for choice in entry.choices)
        lines.append("<dd>" + " ".join([f"{entry.about}.", *choices]) + "</dd>")
    return "\n".join([*lines, "</dl>", ""])


def script_table(kind: Any = LayerOptions) -> str:
    """The options that a script in Krita can give, in HTML."""
    lines = ["<table>"]
    for name, entry in entries(kind).items():
        wanted = "the name of a layer" if entry.kind == options.LAYER else entry.wanted.removesuffix(" or nothing")
        if entry.default is None:
            wanted += ", or <code>None</code>"
        lines.append(f"<tr><td><code>{name}</code></td><td>{wanted}</td><td><code>{entry.default!r}</code></td></tr>")
    return "\n".join([*lines, "</table>", ""])


LISTS: dict[str, Callable[[], str]] = {
    "fields of mask": protocol_table,
    "fields of refine": lambda: protocol_table(RefineOptions),
    "arguments": gimp_table,
    "options": help_list,
    "options and switches": lambda: help_list(switches=True),
    "options of scripts": script_table,
}


def updated() -> Iterator[tuple[Path, str]]:
    """Each document with what it should say."""
    for name in DOCUMENTS:
        text = (CHECKOUT / name).read_text("utf-8")
        yield CHECKOUT / name, _BETWEEN.sub(lambda found: found[1] + LISTS[found["list"]]() + found[3], text)


def _type(entry: Option) -> str:
    """As "integer \N{MINUS SIGN}100 to 100"."""
    numbers = "" if entry.low is None or entry.high is None else f" {entry.low:g} to {entry.high:g}"
    return _TYPES[entry.kind] + numbers.replace("-", "\N{MINUS SIGN}")


def _shown(default: Any, nothing: str = "") -> str:
    if default is None:
        return nothing
    if isinstance(default, bool):
        return str(default).lower()
    return f"`{default}`" if isinstance(default, str) else f"{default:g}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _sentences(entry: Option) -> str:
    return re.sub(r"(?<=\. )(\w+)(?=: )", r"`\1`", entry.sentences) if entry.choices else entry.sentences


if __name__ == "__main__":
    for path, text in updated():
        path.write_text(text, "utf-8")
