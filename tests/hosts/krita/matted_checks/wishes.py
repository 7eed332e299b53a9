"""What is chosen: models, options, outputs, several layers. As checks.py; test_krita.py says what should be seen."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import remove_background
from krita import Selection
from PyQt5.QtCore import QByteArray
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
)
from remove_background import new_layers, remedies
from remove_background.matted_client import MattedError
from remove_background.matted_client.client import Session
from remove_background.matted_client.options import WHOLE, YES_NO, KritaOptions, entries, option

from .program import (
    FOLDER,
    PHOTOGRAPH,
    SELECTED,
    action,
    activate,
    add_frame,
    export,
    krita,
    look,
    masks,
    messages,
    open_photograph,
    photograph_screen,
    pixels,
    rectangle,
    redo,
    save_mask,
    select,
    selected,
    show,
    turns,
    undo,
)
from .steps import (
    SETTINGS,
    click,
    connection_file,
    daemon_status,
    idle,
    opened,
    options_dialog,
    progress_text,
    progress_value,
    remove_background_of,
    stop_daemon,
    take_messages,
    wish,
    wished,
)

MOVED = 4 * 2  # bytes
TOOLS = ("shade",)  # of the preview
CONTROLS = (QComboBox, QCheckBox, QSpinBox, QDoubleSpinBox)
MODELS = os.environ["MATTED_CHECKED_MODELS"].split()


def matted(*arguments):
    """Run the command as in a terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_", "LD_"))}
    command = ["/usr/bin/python3", "-m", "matted", *arguments]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


def add_plate(document):
    """A layer called plate: the photograph, moved to the left by some pixels and in again on the right."""
    photograph = document.activeNode()
    plate = document.createNode("plate", "paintlayer")
    data = pixels(photograph)
    plate.setPixelData(QByteArray(data[MOVED:] + data[:MOVED]), 0, 0, document.width(), document.height())
    document.rootNode().addChildNode(plate, None)
    return plate


def models(seen):
    """A model of each family, chosen by matted's own settings."""
    document = yield from open_photograph()
    node = document.activeNode()
    add_plate(document)
    for model in MODELS:
        matted("models", "default", model)
        yield from stop_daemon()
        yield from activate(document, node)
        if model.startswith("background-matting"):
            seen["without a plate"] = yield from remove_background_of(node)
            wish(plate="plate")
        if model.startswith("sam"):
            seen["without clicks"] = yield from remove_background_of(node)
            select(document, *SELECTED)
        seen[model] = {"messages": (yield from remove_background_of(node))}
        seen[model]["loaded"] = [each["id"] for each in daemon_status()["loaded"]]
        save_mask(node, f"model-{model}.mask")
        document.setSelection(None)
        wish()
    for name in ("small", "gone"):
        wish(model="background-matting-mobilenetv2", plate=name)
        if name == "small":
            small = document.createNode("small", "paintlayer")
            small.setPixelData(QByteArray(b"\x80" * 400), 0, 0, 10, 10)
            document.rootNode().addChildNode(small, None)
            yield from activate(document, node)
        seen[name + " plate"] = yield from remove_background_of(node)
    wish()


def dialog(seen):
    """Everything is chosen in the dialog, used at once, and again with the next click."""
    document = yield from open_photograph()
    node = document.activeNode()
    add_plate(document)
    yield from activate(document, node)
    before = look(document, node)
    window = yield from open_options()
    model, plate, output = (window.findChild(QComboBox, name) for name in ("model", "plate", "output"))
    clean = window.findChild(QCheckBox, "clean_colours")
    controls = [each.objectName() for kind in CONTROLS for each in window.findChildren(kind)]
    seen["controls"] = [name for name in controls if name not in TOOLS]
    seen["options"] = list(entries(KritaOptions))

    def listed():
        """the daemon's models"""
        return model.count() > len(MODELS)

    yield listed
    seen["models"] = [model.itemText(row) for row in range(model.count())]
    seen["plates"] = [plate.itemText(row) for row in range(plate.count())]
    yield turns(10)
    photograph_screen("options.png")
    seen["clean without a new layer"] = clean.isEnabled()
    output.setCurrentIndex(output.findData("layer"))
    seen["clean with a new layer"] = clean.isEnabled()
    choose(window)
    press(window, QDialogButtonBox.StandardButton.Cancel)
    yield turns()
    seen["cancelled"] = before == look(document, node)
    seen["remembered after cancel"] = wished()

    window = yield from open_options()
    model = window.findChild(QComboBox, "model")
    yield listed
    choose(window)
    press(window, QDialogButtonBox.StandardButton.Ok)
    yield idle
    yield turns()
    seen["messages"] = take_messages()
    seen["remembered"] = wished()
    save_selection(document, "dialog.mask")
    seen["children"] = look(document, node)["children"]
    document.setSelection(None)
    seen["messages of the next click"] = yield from remove_background_of(node)
    save_selection(document, "dialog-again.mask")
    wish()


def another_option(seen):
    """One entry more puts an option into the dialog, into what is remembered, and into scripts."""
    document = yield from open_photograph()
    added = {
        "glow": option(YES_NO, False, "Glo_w & shine", "Let it glow"),
        "spin": option(WHOLE, 1, "Sp_in", "How often it turns", low=-2, high=9),
    }
    fields = [(name, object, field) for name, field in added.items()]
    more = dataclasses.make_dataclass("More", fields, bases=(KritaOptions,), frozen=True)
    modules = [sys.modules["remove_background." + name] for name in ("options_dialog", "extension", "scripting")]
    for module in modules:
        module.KritaOptions = more
    try:
        window = yield from open_options()
        glow, spin = window.findChild(QCheckBox, "glow"), window.findChild(QSpinBox, "spin")
        seen["label"] = glow.text()
        seen["tips"] = [glow.toolTip(), spin.toolTip()]
        seen["range"] = [spin.minimum(), spin.maximum(), spin.value()]
        glow.setChecked(True)
        spin.setValue(7)
        yield turns(10)
        photograph_screen("another-option.png")
        press(window, QDialogButtonBox.StandardButton.Ok)
        yield idle
        yield turns()
        seen["messages"] = take_messages()
        seen["remembered"] = {name: wished()[name] for name in added}
        try:
            remove_background.start(document, [document.activeNode()], spin=10)
        except MattedError as error:
            seen["script"] = str(error)
    finally:
        for module in modules:
            module.KritaOptions = KritaOptions
        wish()


def choose(window):
    """Something else than at first in many of the controls."""
    for name, value in {"model": "isnet-general-use", "edges": "hair", "output": "selection"}.items():
        box = window.findChild(QComboBox, name)
        box.setCurrentIndex(box.findData(value))
    window.findChild(QDoubleSpinBox, "threshold").setValue(0.25)
    window.findChild(QDoubleSpinBox, "feather").setValue(2.5)
    window.findChild(QSpinBox, "grow").setValue(-3)
    window.findChild(QCheckBox, "invert").setChecked(True)


def open_options():
    action("remove_background_options").trigger()
    return (yield options_dialog)


def press(window, button):
    window.findChild(QDialogButtonBox).button(button).click()


def save_selection(document, name):
    selection = document.selection()
    area = [0, 0, document.width(), document.height()]
    (FOLDER / name).write_bytes(bytes(selection.pixelData(*area)) if selection else b"")


def dead_daemon(seen):
    """The dialog comes up without a daemon that could be started, says so, and can be used and left."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield from stop_daemon()
    installed = SETTINGS.read_text()
    SETTINGS.write_text(json.dumps({**json.loads(installed), "command": ["/nonexistent/python3"]}))
    try:
        window = yield from open_options()

        def said():
            """the reason in the dialog"""
            texts = [label.text() for label in window.findChildren(QLabel)]
            return [text for text in texts if "could not be started" in text]

        seen["sentence"] = yield said
        yield turns(20)
        photograph_screen("options-without-daemon.png")
        press(window, QDialogButtonBox.StandardButton.Ok)
        yield messages
        seen["messages"] = take_messages()
        seen["children"] = look(document, node)["children"]
    finally:
        SETTINGS.write_text(installed)


def outputs(seen):
    """The selection, and a new layer, with and without something selected before."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield turns()
    wish(output="selection")
    before = look(document, node)
    seen["selection messages"] = yield from remove_background_of(node)
    seen["selection changes"] = [name for name, value in look(document, node).items() if value != before[name]]
    save_selection(document, "selection.mask")
    seen["selection in the docker"] = action("show-global-selection-mask").isChecked()
    yield from undo(document)
    yield turns(10)
    undone = {**look(document, node), "redo": before["redo"]}
    seen["after undo, nothing was selected"] = [selected(document), undone == before]
    yield from redo(document)
    save_selection(document, "selection-redone.mask")
    document.setSelection(None)
    select(document, *SELECTED)
    yield turns()
    seen["selected before"] = selected(document)
    seen["limited messages"] = yield from remove_background_of(node)
    save_selection(document, "selection-limited.mask")
    yield from undo(document)
    seen["selected after undo"] = selected(document)
    yield from redo(document)
    save_selection(document, "selection-limited-redone.mask")

    document.setSelection(None)
    document.waitForDone()
    wish(output="layer", clean_colours=False)
    yield from activate(document, node)
    before = look(document, node)
    seen["layer messages"] = yield from remove_background_of(node)
    layer = document.activeNode()
    seen["layer"] = [layer.name(), layer.type(), layer.colorModel(), layer.colorDepth(), rectangle(layer)]
    seen["order"] = [each.name() for each in document.topLevelNodes()]
    seen["source kept"] = before["pixels"] == look(document, node)["pixels"]
    export(document, "layer.png")
    yield from undo(document)
    seen["layers after undo"] = [each.name() for each in document.topLevelNodes()]

    wish(output="layer")
    seen["clean messages"] = yield from remove_background_of(node)
    area = [0, 0, document.width(), document.height()]
    (FOLDER / "clean.pixels").write_bytes(bytes(document.activeNode().pixelData(*area)))
    yield from undo(document)

    wish(output="layer", crop=True)
    seen["cropped messages"] = yield from remove_background_of(node)
    seen["cropped"] = rectangle(document.activeNode())
    (FOLDER / "cropped.pixels").write_bytes(bytes(document.activeNode().pixelData(*area)))
    yield from undo(document)
    seen["layers after undo of the cropped one"] = [each.name() for each in document.topLevelNodes()]

    half = document.createNode("half there", "paintlayer")
    data = bytearray(pixels(node))
    data[3::4] = bytes(index % 256 for index in range(len(data) // 4))
    half.setPixelData(QByteArray(bytes(data)), 0, 0, document.width(), document.height())
    document.rootNode().addChildNode(half, None)
    yield from activate(document, half)
    seen["half area"] = rectangle(half)
    (FOLDER / "half.source").write_bytes(bytes(data))
    for name, clean in (("half-kept", False), ("half-clean", True), ("half-limited", True)):
        wish(output="layer", clean_colours=clean)
        if name == "half-limited":
            select(document, *SELECTED)
        seen[f"{name} messages"] = yield from remove_background_of(half)
        (FOLDER / f"{name}.pixels").write_bytes(bytes(document.activeNode().pixelData(*rectangle(half))))
        yield from undo(document)
    document.setSelection(None)
    wish()


def new_layer_in_place(seen):
    """A new layer is mixed with the picture as its source was, which is hidden; all of that in one undo step."""
    document = yield from open_photograph()
    node = document.activeNode()
    upper = node.duplicate()
    upper.setName("upper")
    upper.setOpacity(128)
    upper.setBlendingMode("multiply")
    upper.setInheritAlpha(True)
    document.rootNode().addChildNode(upper, None)
    yield from activate(document, upper)
    document.refreshProjection()
    document.waitForDone()

    def state():
        document.waitForDone()
        view = look(document, upper)
        layers = [[each.name(), each.visible()] for each in document.topLevelNodes()]
        return {"layers": layers, "undo": view["undo"], "projection": view["projection"]}

    def undone_by(how):
        how()
        document.waitForDone()
        yield turns(15)
        return state()

    wish(output="layer", anyway=True)
    seen["before"] = state()
    seen["messages"] = yield from remove_background_of(upper)
    layer = document.activeNode()
    seen["layer"] = [layer.name(), layer.opacity(), layer.blendingMode(), layer.inheritAlpha(), layer.visible()]
    yield turns(15)
    seen["after"] = state()
    document.refreshProjection()
    seen["computed anew"] = state()
    photograph_screen("new-layer.png")
    seen["undone"] = yield from undone_by(action("edit_undo").trigger)
    seen["redone"] = yield from undone_by(action("edit_redo").trigger)
    upper.setVisible(True)  # the person wants to see it
    yield turns()
    seen["shown"] = state()["layers"]
    seen["shown, undone"] = (yield from undone_by(action("edit_undo").trigger))["layers"]
    wish()


def cut_outs(seen):
    """Which layers are there, and shown, while cut-outs of one layer are merged, deleted, undone and made again."""
    document = yield from open_photograph()
    node = document.activeNode()
    wish(output="layer")

    def after(step):
        action(step).trigger()
        document.waitForDone()
        yield turns(15)
        return [[each.name(), each.visible()] for each in document.topLevelNodes()]

    yield from remove_background_of(node)
    layer = document.activeNode()
    yield turns(15)
    above = document.createNode("above", "paintlayer")
    above.setPixelData(QByteArray(bytes(4 * 9)), 0, 0, 3, 3)
    document.rootNode().addChildNode(above, None)
    yield from activate(document, above)
    seen["merged"] = yield from after("merge_layer")
    seen["another layer"] = document.nodeByUniqueID(layer.uniqueId()) is None
    yield from after("edit_undo")
    seen["merged, undone"] = yield from after("edit_undo")
    seen["all undone"] = yield from after("edit_undo")
    seen["redone"] = yield from after("edit_redo")
    yield from activate(document, layer)
    seen["deleted"] = yield from after("remove_layer")
    seen["deleted, undone"] = yield from after("edit_undo")

    yield from remove_background_of(node)
    yield turns(15)
    seen["twice"] = [[each.name(), each.visible()] for each in document.topLevelNodes()]
    seen["twice, undone"] = yield from after("edit_undo")
    seen["twice, all undone"] = yield from after("edit_undo")
    yield from after("edit_redo")
    seen["twice, redone"] = yield from after("edit_redo")
    yield from activate(document, layer)
    seen["the first deleted"] = yield from after("remove_layer")
    wish()


def little_memory(seen):
    """What is said where a thread of the plug-in's own gets no memory."""
    document = yield from open_photograph()
    node = document.activeNode()

    def composed(*_of_a_picture):
        raise MemoryError

    wish(output="layer")
    select(document, *SELECTED)
    before = [each.name() for each in document.topLevelNodes()]
    kept = new_layers._composed
    new_layers._composed = composed
    try:
        seen["messages"] = yield from remove_background_of(node)
    finally:
        new_layers._composed = kept
        wish()
    seen["layers kept"] = before == [each.name() for each in document.topLevelNodes()]


def unheeded(seen):
    """A pass-through group, an animated layer, and a layer with a selection mask of its own."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    group = document.createGroupLayer("passing")
    document.rootNode().addChildNode(group, None)
    group.addChildNode(photograph.duplicate(), None)
    group.setPassThroughMode(True)
    yield from activate(document, group)
    before = look(document, group)
    seen["mask of the group"] = yield from remove_background_of(group)
    seen["the group is untouched"] = look(document, group) == before and group.passThroughMode()
    wish(output="layer", clean_colours=False)
    seen["layer of the group"] = yield from remove_background_of(group)
    area = [0, 0, document.width(), document.height()]
    (FOLDER / "passing.pixels").write_bytes(bytes(document.activeNode().pixelData(*area)))
    yield from undo(document)
    yield turns(15)
    wish()

    animated = photograph.duplicate()
    animated.setName("animated")
    document.rootNode().addChildNode(animated, None)
    yield from add_frame(document, animated, 5)
    around = document.createGroupLayer("around")
    document.rootNode().addChildNode(around, None)
    around.addChildNode(animated.duplicate(), None)
    own = photograph.duplicate()
    document.rootNode().addChildNode(own, None)
    yield from activate(document, own)
    select(document, *SELECTED)
    action("add_new_selection_mask").trigger()
    document.waitForDone()
    document.setSelection(None)
    yield turns()
    seen["masks before"] = [child.type() for child in own.childNodes()]
    seen["notices"] = {}
    for name, layers in {"photograph": [photograph], "animated": [animated], "group": [around], "own": [own]}.items():
        for output in ("mask", "selection", "layer"):
            removal = yield from removal_of(document, layers, output=output)
            seen["notices"][f"{name}, {output}"] = removal.notices + [str(error) for _, error in removal.failures]
            document.setSelection(None)
            document.waitForDone()
    outer = document.createGroupLayer("outer")
    document.rootNode().addChildNode(outer, None)
    inner = document.createGroupLayer("inner")
    outer.addChildNode(inner, None)
    held = document.createNode("held", "paintlayer")
    held.setPixelData(QByteArray(pixels(photograph)), 0, 0, document.width(), document.height())
    inner.addChildNode(held, None)
    yield turns()
    yield from removal_of(document, [held, outer])
    seen["masks of a group and what it holds"] = [len(masks(each)) for each in (outer, inner, held)]
    save_mask(animated, "animated.mask")
    save_mask(own, "own-selection.mask")


def deep_layer(seen):
    """A new layer in the colours of a document that is not in sRGB bytes."""
    document = krita.openDocument(str(PHOTOGRAPH))
    document.setBatchmode(True)
    document.setColorSpace("RGBA", "U16", "sRGB-elle-V2-srgbtrc.icc")
    document.waitForDone()
    yield from show(document)
    node = document.activeNode()
    wish(output="layer", clean_colours=False)
    seen["messages"] = yield from remove_background_of(node)
    layer = document.activeNode()
    seen["space"] = [layer.colorModel(), layer.colorDepth(), layer.colorProfile() == document.colorProfile()]
    (FOLDER / "deep.pixels").write_bytes(bytes(layer.pixelData(*rectangle(node))))
    (FOLDER / "deep.source").write_bytes(pixels(node))
    wish()


def several(seen):
    """All layers selected: each gets its mask, but for the one that cannot have any."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    second = photograph.duplicate()
    second.setName("second")
    empty = document.createNode("empty", "paintlayer")
    third = document.createNode("third", "paintlayer")
    third.setPixelData(QByteArray(pixels(photograph)), 30, -20, document.width(), document.height())
    for layer in (second, empty, third):
        document.rootNode().addChildNode(layer, None)
    yield from activate(document, photograph)
    action("select_all_layers").trigger()

    def all_selected():
        """all layers to be selected"""
        return len(krita.windows()[0].activeView().selectedNodes()) == 4

    yield all_selected
    before = [look(document, layer)["pixels"] for layer in (photograph, second, third)]
    steps = action("edit_undo").text()
    click()
    yield idle
    yield turns()
    seen["messages"] = take_messages()
    layers = {"Background": photograph, "second": second, "third": third, "empty": empty}
    seen["masks"] = {name: [mask.name() for mask in masks(layer)] for name, layer in layers.items()}
    for name in ("Background", "second", "third"):
        save_mask(layers[name], f"several-{name}.mask")
    seen["pixels kept"] = before == [look(document, layer)["pixels"] for layer in (photograph, second, third)]
    seen["undo steps"] = 0
    while any(masks(layer) for layer in layers.values()) and seen["undo steps"] < 9:
        yield from undo(document)
        seen["undo steps"] += 1
    seen["undone to"] = [steps, action("edit_undo").text()]

    ended = []
    remove_background.start(document, [photograph, empty, third], output="selection").finished.connect(ended.append)

    def over():
        """the selection of several layers"""
        return ended

    yield over
    save_selection(document, "several-selected.mask")


def refused(seen):
    """One of three layers cannot be cut out: the others, which differ, get their own masks."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    locked, turned = photograph.duplicate(), photograph.duplicate()
    locked.setName("locked")
    turned.setName("turned")
    data = pixels(photograph)
    reverse = b"".join(data[start : start + 4] for start in range(len(data) - 4, -1, -4))
    turned.setPixelData(QByteArray(reverse), 0, 0, document.width(), document.height())
    everything = Selection()
    everything.select(0, 0, document.width(), document.height(), 255)
    adjusting = document.createFilterLayer("filter", krita.filter("invert"), everything)
    for layer in (locked, turned, adjusting):
        document.rootNode().addChildNode(layer, None)
    yield from activate(document, photograph)
    locked.setLocked(True)
    others = [photograph, turned]
    for case, chosen in {
        "locked first": [locked, *others],
        "filter first": [adjusting, *others],
        "locked later": [photograph, locked, turned],
    }.items():
        removal = yield from removal_of(document, chosen)
        remedies.tell(removal, None, None)
        of = seen[case] = {"messages": take_messages()}
        of["masks"] = {layer.name(): len(masks(layer)) for layer in chosen}
        for layer in others:
            if masks(layer):
                save_mask(layer, f"{case}-{layer.name()}.mask")
            for mask in masks(layer):
                mask.remove()


def looked_at(seen):
    """Where the model is told to look, in layers that lie differently to what is selected."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    width, height = document.width(), document.height()
    data = QByteArray(pixels(photograph))
    outside, held, small = (document.createNode(name, "paintlayer") for name in ("outside", "held", "small"))
    group = document.createGroupLayer("group")
    for layer in (outside, group, small):
        document.rootNode().addChildNode(layer, None)
    group.addChildNode(held, None)
    outside.setPixelData(data, -70, 45, width, height)
    held.setPixelData(data, 30, 20, width, height)
    small.setPixelData(photograph.pixelData(60, 40, 50, 40), 60, 70, 50, 40)
    document.waitForDone()
    select(document, *SELECTED)
    yield from _look(seen, "each layer", document, [photograph, outside, group, small])
    yield from _look(seen, "whole layer", document, [photograph], within_selection=False)
    select(document, 70, 80, 20, 10)
    yield from _look(seen, "new layer", document, [small], output="layer")
    yield from _look(seen, "selection", document, [outside, photograph], output="selection")
    select(document, 0, 0, 50, 60)
    yield from _look(seen, "beside", document, [small, photograph])
    action("invert_selection").trigger()
    document.waitForDone()
    yield from _look(seen, "around it", document, [photograph, outside])
    document.setSelection(Selection())
    document.waitForDone()
    yield from _look(seen, "nothing in the selection", document, [photograph])
    for case in ("with a selection", "without a selection"):
        window = yield from open_options()
        seen[case] = window.findChild(QCheckBox, "within_selection").isEnabled()
        press(window, QDialogButtonBox.StandardButton.Cancel)
        yield turns()
        document.setSelection(None)
        document.waitForDone()


def _look(seen, case, document, layers, **options):
    """Note which boxes the daemon is asked to look at, and what went wrong."""
    boxes, mask = [], Session.mask

    def watched(session, *picture, **fields):
        boxes.append(fields["box"])
        return mask(session, *picture, **fields)

    Session.mask = watched
    try:
        removal = yield from removal_of(document, layers, anyway=True, **options)
    finally:
        Session.mask = mask
    failures = [[node.name(), error.message, error.hint] for node, error in removal.failures]
    seen[case] = {"boxes": boxes, "failures": failures}


def removal_of(document, layers, **options):
    """Have another script start a removal, and return it at its end."""
    ended = []
    remove_background.start(document, layers, **options).finished.connect(ended.append)

    def over():
        """the end of the removal"""
        return ended

    yield over
    yield turns()
    return ended[0]


def trouble(seen):
    """Messages with a button: no subject, a model that is not there, a licence that nobody has accepted."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    flat = yield from add_flat(document)
    click()
    yield messages
    seen["no subject"] = words_of(messages()[0])
    yield turns(20)
    photograph_screen("no-subject.png")
    press_button(messages()[0], "anyway")
    yield lambda: idle() and (messages() or masks(flat))
    yield turns()
    seen["anyway"] = [words_of(box) for box in messages()]
    take_messages()
    if masks(flat):
        save_mask(flat, "anyway.mask")

    yield from activate(document, photograph)
    licences = next(Path(os.environ["HOME"]).rglob("licences.json"))
    accepted = licences.read_text()
    licences.write_text("{}")
    try:
        wish(model="rmbg-1.4")
        click()
        yield messages
        seen["licence"] = words_of(messages()[0])
        press_button(messages()[0], "licence page")
        seen["licence page"] = yield opened
        take_messages()
        removal = yield from removal_of(document, [photograph, flat], model="rmbg-1.4")
        remedies.tell(removal, None, None)
        seen["licence for several"] = words_of(messages()[0])
        take_messages()
    finally:
        licences.write_text(accepted)
    wish()


def download(seen):
    """A free model that is not here: in the dialog, and got from the message of a click, at the second attempt."""
    document = yield from open_photograph()
    node = document.activeNode()
    model = "isnet-general-use"
    matted("models", "remove", model)
    installed = SETTINGS.read_text()
    try:
        yield from sources_of("nowhere.json")
        window = yield from open_options()
        models = window.findChild(QComboBox, "model")
        yield lambda: models.count() > len(MODELS)
        models.setCurrentIndex(models.findData(model))
        seen["dialog"] = [models.currentText(), *[label.text() for label in window.findChildren(QLabel)]]
        yield turns(20)
        photograph_screen("not-here.png")
        press(window, QDialogButtonBox.StandardButton.Help)
        seen["help"] = yield opened
        press(window, QDialogButtonBox.StandardButton.Ok)
        yield messages
        seen["message"] = words_of(messages()[0])
        yield turns(20)
        photograph_screen("not-installed.png")
        press_button(messages()[0], "Download")
        yield lambda: idle() and messages()
        seen["failed"] = words_of(messages()[0])
        take_messages()

        empty = document.createNode("empty", "paintlayer")
        document.rootNode().addChildNode(empty, None)
        yield from activate(document, node)
        removal = yield from removal_of(document, [empty, node, node.duplicate()], model=model)
        remedies.tell(removal, None, None)
        seen["several"] = words_of(messages()[0])
        take_messages()
        empty.remove()
        yield from activate(document, node)

        yield from sources_of("sources.json")
        click()
        yield messages
        press_button(messages()[0], "Download")

        def half():
            """half of the model, after which the server waits"""
            return progress_text().startswith("Downloading") and progress_value()

        yield half
        yield turns(20)
        seen["progress"] = [progress_text(), progress_value()]
        photograph_screen("downloading.png")
        FOLDER.joinpath("seen-half").touch()
        yield lambda: idle() and (messages() or masks(node))
        seen["messages"] = take_messages()
        save_mask(node, "downloaded.mask")
    finally:
        SETTINGS.write_text(installed)
    yield from stop_daemon()
    wish()


def sources_of(name):
    """From the next click on there is a daemon that gets its models from where this file says."""
    if connection_file().exists():
        yield from stop_daemon()
    command = ["/usr/bin/python3", str(FOLDER / "matted_with.py"), str(FOLDER / name)]
    SETTINGS.write_text(json.dumps({**json.loads(SETTINGS.read_text()), "command": command}))


def words_of(box):
    return [box.text(), box.informativeText(), sorted(button.text().replace("&", "") for button in box.buttons())]


def press_button(box, words):
    next(button for button in box.buttons() if words in button.text()).click()


def automation(seen):
    """Another script starts it, with options, and is told of the end; no message is shown."""
    document = yield from open_photograph()
    node = document.activeNode()
    ended = []

    def over():
        """the end of what the script started"""
        return ended

    removal = remove_background.start(document, [node], output="selection", invert=True)
    removal.finished.connect(ended.append)
    yield over
    seen["failures"] = [str(error) for _, error in ended[0].failures]
    save_selection(document, "automation.mask")

    ended.clear()
    empty = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    yield from activate(document, empty)
    removal = remove_background.start()  # on the active layer
    removal.finished.connect(ended.append)
    yield over
    seen["failures of an empty layer"] = [str(error) for _, error in ended[0].failures]
    seen["messages"] = take_messages()
    for name, wishes in {"unknown": {"colour": 1}, "out of range": {"grow": 101}, "wrong": {"output": "cake"}}.items():
        try:
            remove_background.start(document, [node], **wishes)
        except MattedError as error:
            seen[name] = str(error)


def language(seen):
    """The words in Krita's menu, in the dialog, and in a message of the daemon's; the page that the dialog opens."""
    document = yield from open_photograph()
    actions = [action(name) for name in ("remove_background", "remove_background_options", "refine_mask")]

    def enabled():
        """the entries of the menu"""
        return all(each.isEnabled() for each in actions)

    yield enabled
    seen["menu"] = [each.text() for each in actions]
    seen["tips"] = [each.toolTip() for each in actions]
    window = yield from open_options()
    models = window.findChild(QComboBox, "model")
    yield lambda: models.count() > 1
    yield turns(20)
    seen["title"] = window.windowTitle()
    seen["labels"] = [label.text() for label in window.findChildren(QLabel) if label.text()]
    seen["boxes"] = [box.text() for box in window.findChildren(QCheckBox)]
    seen["lists"] = [box.itemText(row) for box in window.findChildren(QComboBox) for row in range(box.count())]
    seen["clipped"] = [part.text() for part in window.findChildren(QCheckBox) if part.width() < part.sizeHint().width()]
    seen["size"] = [window.frameGeometry().width(), window.frameGeometry().height()]
    photograph_screen("language.png")
    press(window, QDialogButtonBox.StandardButton.Help)
    seen["help"] = yield opened
    press(window, QDialogButtonBox.StandardButton.Cancel)
    yield from add_flat(document)
    click()
    yield messages
    yield turns(20)
    photograph_screen("language-message.png")
    seen["message"] = words_of(messages()[0])
    take_messages()


def add_flat(document):
    """A layer in which nobody sees a subject."""
    flat = document.createNode("flat", "paintlayer")
    width, height = document.width(), document.height()
    flat.setPixelData(QByteArray(b"\x80\x80\x80\xff" * (width * height)), 0, 0, width, height)
    document.rootNode().addChildNode(flat, None)
    yield from activate(document, flat)
    return flat


LANGUAGE = [("language", language)]
ALL = [
    ("models", models),
    ("dialog", dialog),
    ("another option", another_option),
    ("dead daemon", dead_daemon),
    ("outputs", outputs),
    ("new layer in place", new_layer_in_place),
    ("cut-outs", cut_outs),
    ("little memory", little_memory),
    ("unheeded", unheeded),
    ("deep layer", deep_layer),
    ("several", several),
    ("refused", refused),
    ("looked at", looked_at),
    ("automation", automation),
    ("trouble", trouble),
    ("download", download),
]
