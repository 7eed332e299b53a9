"""The lists in the documents, made from the entries of options: `make documents` writes them, a test compares.

Those of the help pages are in the page's language, as the dialogs are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matted.library.keywords import OTHERS, RefineKeywords, RemoveKeywords
from matted_client import options
from matted_client.options import (
    GimpOptions,
    KritaOptions,
    MaskOptions,
    Option,
    ReachOptions,
    RefineOptions,
    SceneOptions,
    entries,
)
from matted_client.preview.shades import SHADES
from matted_client.translations import ENGLISH, Words
from po_files import CHECKOUT, GIMP, KRITA, PLURALS
from words import words_of

IN_ENGLISH = "en"
LANGUAGES = (IN_ENGLISH, *PLURALS)
_BETWEEN = re.compile(r"(<!-- (?P<list>[a-z ]+), made by: make documents -->\n).*?(<!-- end of the list -->)", re.S)


@dataclass(frozen=True)
class Language:
    """What a list is written in. colon: with the space beside it. space: between sentences."""

    name: str = IN_ENGLISH
    words: Words = ENGLISH
    colon: str = ": "
    stop: str = "."
    space: str = " "

    def label(self, text: str) -> str:
        """Translate a label of a dialog, without the letter of its key."""
        return _escaped(re.sub(r"\(_\w\)|_", "", self.words.gettext(text)))

    def sentence(self, text: str) -> str:
        return _escaped(self.words.gettext(text)) + self.stop

    def choice(self, label: str, about: str) -> str:
        return f"<em>{self.label(label)}</em>{self.colon}{_lower(self.sentence(about))}"


_WRITTEN = {
    "fr": {"colon": "\N{NO-BREAK SPACE}: "},
    "ja": {"stop": "\N{IDEOGRAPHIC FULL STOP}", "space": ""},
    "zh_CN": {"colon": "\N{FULLWIDTH COLON}", "stop": "\N{IDEOGRAPHIC FULL STOP}", "space": ""},
}
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


def gimp_table(kind: Any = GimpOptions) -> str:
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


def keywords_table(kind: Any, keywords: Any) -> str:
    """The keyword arguments of a function for programs in Python."""
    types = {name: found.__forward_arg__ for name, found in keywords.__annotations__.items()}
    said = {name: (entry.default, _sentences(entry)) for name, entry in entries(kind).items()}
    said |= {name: each for name, each in OTHERS.items() if name in types}
    lines = ["| keyword | type | default | |", "|---|---|---|---|"]
    for name, (default, text) in said.items():
        kind_of = types[name].replace("|", "\\|").replace("'", '"')
        shown = f'"{default}"' if isinstance(default, str) else repr(default)
        lines.append(f"| `{name}` | `{kind_of}` | `{shown}` | {text} |")
    return "\n".join(lines) + "\n"


def help_list(kind: Any = KritaOptions, switches: bool = False, language: Language = Language()) -> str:
    """What the controls of a dialog are for, in HTML. switches: whether they have controls of their own."""
    found = []
    for entry in entries(kind).values():
        if switches and entry.switch is not None:
            found.append((language.label(entry.switch.label), language.sentence(entry.switch.about)))
        choices = [language.choice(choice.label, choice.about) for choice in entry.choices]
        found.append((language.label(entry.label), language.space.join([language.sentence(entry.about), *choices])))
    return _terms(found)


def shades_list(language: Language) -> str:
    """What a preview shows in the place of what goes, in HTML."""
    return _terms((language.label(shade.label), language.sentence(shade.about)) for shade in SHADES)


def script_table(kind: Any = KritaOptions) -> str:
    """The options that a script in Krita can give, in HTML, and in Python: it is the same in all languages."""
    lines = ["<table>"]
    for name, entry in entries(kind).items():
        cells = f"<code>{name}</code>", _in_python(entry), f"<code>{entry.default!r}</code>"
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</table>", ""])


def keys_table(language: Language) -> str:
    """What mouse and keys do in a preview, as GIMP's page says it: Krita's preview is the same."""
    page = (GIMP / "help" / language.name / "remove-background.html").read_text("utf-8")
    found = re.search(r"<table>.*?</table>\n", page, re.S)
    assert found is not None, f"GIMP's page has no table of mouse and keys: {language.name}"
    return found[0]


# Of each list: what it is called in the documents, and what makes it.
LISTS: dict[str, Callable[[Language], str]] = {
    "fields of mask": lambda _: protocol_table(),
    "fields of refine": lambda _: protocol_table(RefineOptions),
    "fields of frames": lambda _: protocol_table(SceneOptions),
    "arguments": lambda _: gimp_table(),
    "arguments of refining": lambda _: gimp_table(RefineOptions),
    "options": lambda language: help_list(language=language),
    "options and switches": lambda language: help_list(GimpOptions, switches=True, language=language),
    "options of refining": lambda language: help_list(ReachOptions, language=language),
    "options of refining and switches": lambda language: help_list(ReachOptions, switches=True, language=language),
    "options of scripts": lambda _: script_table(),
    "options of refining scripts": lambda _: script_table(RefineOptions),
    "backgrounds": shades_list,
    "mouse and keys": keys_table,
    "keywords of remove": lambda _: keywords_table(MaskOptions, RemoveKeywords),
    "keywords of refine": lambda _: keywords_table(RefineOptions, RefineKeywords),
    "kinds of files": lambda _: _kinds_table(),
}


def pages(name: str) -> tuple[Path, Path]:
    """The help pages of GIMP and of Krita in a language."""
    return GIMP / "help" / name / "remove-background.html", KRITA / "manual" / f"{name}.html"


def updated() -> Iterator[tuple[Path, str]]:
    """Each document with what it should say."""
    for name in ("protocol.md", "gimp-batch.md", "files.md", "python.md"):
        path = CHECKOUT / "docs" / name
        yield path, _with_lists(path, Language())
    for name in LANGUAGES:
        for page, folder in zip(pages(name), (GIMP, KRITA), strict=True):
            words = ENGLISH if name == IN_ENGLISH else words_of(name, folder / "languages")
            yield page, _with_lists(page, Language(name, words, **_WRITTEN.get(name, {})))


def _kinds_table() -> str:
    import file_kinds  # which writes and reads every kind of file: not for those who want a list of options

    return file_kinds.table()


def _with_lists(path: Path, language: Language) -> str:
    return _BETWEEN.sub(lambda found: found[1] + LISTS[found["list"]](language) + found[3], path.read_text("utf-8"))


def _terms(found: Iterable[tuple[str, str]]) -> str:
    lines = [line for term, about in found for line in (f"<dt>{term}</dt>", f"<dd>{about}</dd>")]
    return "\n".join(["<dl>", *lines, "</dl>", ""])


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _in_python(entry: Option) -> str:
    """As "<code>float</code> 0 … 1, <code>None</code>"."""
    if entry.choices:
        values = [repr(choice.value) for choice in entry.choices]
    elif entry.kind == options.YES_NO:
        values = ["True", "False"]
    else:
        values = [{options.WHOLE: "int", options.NUMBER: "float"}.get(entry.kind, "str")]
    shown = [f"<code>{value}</code>" for value in values]
    if entry.low is not None and entry.high is not None:
        shown[0] += f" {entry.low:g} … {entry.high:g}".replace("-", "\N{MINUS SIGN}")
    return ", ".join([*shown, *(["<code>None</code>"] if entry.default is None else [])])


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
