"""Options are said once: whatever lists them has all of them, and another entry is in every list by itself."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import re
from typing import Any

import documents
import pytest
from matted.cli.pictures import arguments
from matted_client import MattedError, ProtocolError, messages, options
from matted_client.messages import MaskRequest, Message, Question, RefineRequest
from matted_client.options import (
    LayerOptions,
    MaskOptions,
    Option,
    RefineOptions,
    SceneOptions,
    checked,
    entries,
    from_text,
    to_text,
)

ENTRIES = entries(LayerOptions)
# One more option of each kind that the daemon can be asked for.
MORE = {
    "shade": options.option(
        options.CHOICE, "dark", "_Shade", "Which shade", choices=(options.Choice("dark", "Dark", "As night"),)
    ),
    "glow": options.option(options.YES_NO, False, "Glo_w", "Let it glow"),
    "plain": options.option(options.YES_NO, True, "_Simple", "Keep it simple"),
    "spin": options.option(options.WHOLE, 1, "Sp_in", "How often it turns", low=-2, high=9),
    "haze": options.option(options.NUMBER, None, "Ha_ze", "How hazy it gets", low=0, high=3),
}


def with_more(kind: type[Any]) -> type[Any]:
    """The dataclass with the options of MORE."""
    fields = [
        (name, Any, dataclasses.field(default=each.default, metadata=each.metadata)) for name, each in MORE.items()
    ]
    return dataclasses.make_dataclass("WithMore", fields, bases=(kind,), frozen=True)


def command(kind: type[Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(exit_on_error=False)
    arguments.add_options(parser, kind)
    return parser


# -- the entries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_all_there_is_to_say(name: str) -> None:
    entry = ENTRIES[name]
    assert entry.problem(entry.default) == ""
    assert entry.label.count("_") == 1 and not entry.about.endswith(".")
    assert all(choice.label and choice.about for choice in entry.choices)
    assert (entry.kind == options.CHOICE) == bool(entry.choices)
    if entry.kind in (options.WHOLE, options.NUMBER):
        assert entry.low is not None and entry.high is not None and entry.low < entry.high
        assert (entry.default is None) == (entry.switch is not None)
    if entry.only_with is not None:
        other, value = entry.only_with
        assert ENTRIES[other].problem(value) == ""


def test_the_defaults_are_those_of_the_entries() -> None:
    assert dataclasses.asdict(LayerOptions()) == {name: entry.default for name, entry in ENTRIES.items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 7),
        ("model", "m" * (options.MAX_ID + 1)),
        ("edges", "rough"),
        ("edges", None),
        ("holes", "drop"),
        ("shadow", "open"),
        ("threshold", 1.01),
        ("threshold", math.nan),
        ("threshold", True),
        ("grow", 101),
        ("grow", -101),
        ("grow", 2.0),
        ("grow", False),
        ("feather", -0.5),
        ("feather", math.inf),
        ("feather", "2"),
        ("invert", 1),
        ("anyway", None),
    ],
)
def test_what_is_impossible_is_refused_in_the_same_words_everywhere(name: str, value: Any) -> None:
    wanted = ENTRIES[name].wanted
    with pytest.raises(MattedError, match=f"cannot use {name}=") as of_script:
        checked(LayerOptions, {name: value})
    with pytest.raises(ProtocolError, match=f"'{name}'") as of_protocol:
        MaskRequest.from_wire({"width": 1, "height": 1, "format": "GRAY8", name: value})
    assert from_text(LayerOptions, json.dumps({name: value})) == LayerOptions()
    words = [of_script.value.message, of_protocol.value.message]
    if ENTRIES[name].kind not in (options.MODEL, options.YES_NO):
        with pytest.raises(argparse.ArgumentError) as of_command:
            command(MaskOptions).parse_args([f"--{name}={json.dumps(value)}"])
        words.append(str(of_command.value))
    assert all(f"it has to be {wanted}" in each for each in words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("edges", "hair"),
        ("holes", "open"),
        ("shadow", "drop"),
        ("threshold", 0),
        ("threshold", 1),
        ("grow", -100),
        ("grow", 100),
        ("feather", 250),
    ],
)
def test_the_ends_of_a_range_are_possible(name: str, value: Any) -> None:
    assert getattr(checked(LayerOptions, {name: value}), name) == value
    assert getattr(command(MaskOptions).parse_args([f"--{name}={value}"]), name) == value


def test_an_unknown_option_of_a_script_is_named_with_those_that_there_are() -> None:
    with pytest.raises(MattedError, match="no option 'colour'") as error:
        checked(LayerOptions, {"colour": 1})
    assert all(name in error.value.hint for name in ENTRIES)


def test_options_survive_being_remembered() -> None:
    chosen = LayerOptions(
        model="mine",
        threshold=0.25,
        grow=-3,
        output="layer",
        clean_colours=False,
        plate="Ünder",
        within_selection=False,
    )
    assert from_text(LayerOptions, to_text(chosen)) == chosen
    assert from_text(LayerOptions, to_text(LayerOptions())) == LayerOptions()


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '{"of a later version": 1}', '{"grow": "3"}', "nonsense"])
def test_what_cannot_be_read_is_as_at_first(text: str) -> None:
    assert from_text(LayerOptions, text) == LayerOptions()


# -- whoever lists them ------------------------------------------------------------------------------------------------


def request_fields(kind: type[Any]) -> set[str]:
    """Of a message that has the options of a dataclass, as MaskRequest has those of MaskOptions."""
    message = dataclasses.dataclass(frozen=True)(type("Request", (Message, kind), {}))
    assert all(isinstance(field.metadata["field"], Option) for field in dataclasses.fields(message))
    return set(message.from_wire({}).__dict__)


def command_arguments(kind: type[Any]) -> set[str]:
    return set(vars(command(kind).parse_args([])))


def names_in(table: str) -> set[str]:
    lines = table.splitlines()[2:]
    return {line.split("`")[1].replace("-", "_") for line in lines}


LISTS = pytest.mark.parametrize(
    "listed",
    [
        request_fields,
        command_arguments,
        lambda kind: names_in(documents.protocol_table(kind)),
        lambda kind: names_in(documents.gimp_table(kind)) - {"hard_edge"},
        lambda kind: set(re.findall("<tr><td><code>([a-z_]+)</code>", documents.script_table(kind))),
        lambda kind: set(json.loads(to_text(kind()))),
    ],
    ids=["protocol", "command line", "docs/protocol.md", "docs/gimp-batch.md", "Krita's scripts", "settings"],
)


@LISTS
def test_all_options_are_listed_and_one_more_by_its_entry_alone(listed: Any) -> None:
    assert listed(MaskOptions) == set(entries(MaskOptions))
    assert listed(with_more(MaskOptions)) == {*entries(MaskOptions), *MORE}


def test_a_mask_request_has_every_option() -> None:
    options = {*entries(MaskOptions), *entries(SceneOptions)}
    assert options == set(entries(MaskRequest))
    question = {field.name for field in dataclasses.fields(Question)}
    own = {"plate", "keep_alive", "sequence"}
    assert {field.name for field in dataclasses.fields(MaskRequest)} == question | own | options


def test_a_refine_request_has_every_option() -> None:
    question = {field.name for field in dataclasses.fields(Question)}
    assert {field.name for field in dataclasses.fields(RefineRequest)} == question | {"band"} | set(
        entries(RefineOptions)
    )


def test_a_host_asks_for_what_was_chosen() -> None:
    chosen = LayerOptions(model="mine", edges="hair", grow=2, invert=True, anyway=True, output="layer", plate="behind")
    fields = MaskRequest(1, 1, "GRAY8", **chosen.request())
    ground = MaskRequest(1, 1, "GRAY8", **LayerOptions(holes="open", shadow="keep").request())
    assert (ground.model, ground.holes, ground.shadow) == ("default", "open", "keep")
    assert (fields.model, fields.edges, fields.grow, fields.invert, fields.anyway) == ("mine", "hair", 2, True, True)
    assert fields.foreground is True and fields.plate is False
    assert LayerOptions(output="mask").request()["foreground"] is False
    assert LayerOptions(output="layer", clean_colours=False).request()["foreground"] is False


def test_another_option_works_on_the_command_line() -> None:
    parse = command(with_more(MaskOptions)).parse_args
    chosen = parse(["--glow", "--no-plain", "--spin=-2", "--haze", "0.5", "--shade", "dark"])
    assert (chosen.glow, chosen.plain, chosen.spin, chosen.haze, chosen.shade) == (True, False, -2, 0.5, "dark")
    with pytest.raises(argparse.ArgumentError, match="it has to be a whole number from -2 to 9"):
        parse(["--spin", "10"])


def test_the_help_pages_name_every_control() -> None:
    labels = [entry.label.replace("_", "") for entry in [*ENTRIES.values(), *entries(with_more(LayerOptions)).values()]]
    assert all(f"<dt>{label}</dt>" in documents.help_list(with_more(LayerOptions)) for label in labels)
    assert "<dt>Hard edge</dt>" not in documents.help_list()  # Krita's dialog has no switches
    gimp, _ = documents.pages("en")
    assert "<dt>Hard edge</dt>\n<dd>Nothing is half transparent" in gimp.read_text("utf-8")


def test_the_documents_have_the_lists_of_today() -> None:
    found = dict(documents.updated())
    assert len(found) == 4 + 2 * len(documents.LANGUAGES)
    for document, wanted in found.items():
        assert document.read_text("utf-8") == wanted, "run: make documents"
    together = "".join(found.values())
    english = documents.Language()
    for name, make in documents.LISTS.items():
        assert f"<!-- {name}, made by" in together and make(english) in together, name


def test_the_protocols_limit_of_a_text_holds_for_ids() -> None:
    assert options.MAX_ID == messages.MAX_TEXT
