"""Layers with frames. As checks.py; test_krita_frames.py says what should be seen."""

import remove_background
from krita import Selection
from PyQt5.QtCore import QByteArray, QItemSelection, QItemSelectionModel
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QCheckBox, QComboBox, QDialogButtonBox, QDockWidget, QLabel, QTableView
from remove_background import frames

from .checks import no_jobs
from .program import (
    FOLDER,
    action,
    activate,
    krita,
    look,
    open_photograph,
    photograph_screen,
    rectangle,
    redo,
    show,
    turns,
    undo,
    window,
)
from .steps import click, idle, options_dialog, press_cancel, progress, progress_text, take_messages, wish, wished

TIMES = (0, 2, 3, 7, 12, 13, 14, 20, 25, 30)  # when the ten frames begin
BLANK, LENGTH = 33, 36  # an empty frame, and how long the check looks
PLAYED = (8, 13)  # the frame of 7 is still shown at 8
KEYED = {"model": "background-matting-mobilenetv2", "plate": "plate", "edges": "off", "second_look": False}


def opened(name, depth="U8"):
    """A picture of the scene without the subject, and above it a layer with the frames of that name."""
    document = yield from show(krita.openDocument(str(FOLDER / "plate.png")))
    if depth != "U8":
        document.setColorSpace("RGBA", depth, document.colorProfile())
        document.waitForDone()
    (plate,) = document.topLevelNodes()
    plate.setName("plate")
    layer = document.createNode("acting", "paintlayer")
    document.rootNode().addChildNode(layer, None)
    if depth != "U8":
        layer.setColorSpace("RGBA", "U8", document.colorProfile())
    yield from activate(document, layer)
    for number, time in enumerate((*TIMES, BLANK)):
        go_to(document, time)
        yield turns(2)
        action("add_blank_frame").trigger()

        def added(time=time):
            """the frame"""
            return layer.hasKeyframeAtTime(time)

        yield added
        document.waitForDone()
        if time != BLANK:
            image = QImage(str(FOLDER / f"{name}-{number}.png")).convertToFormat(QImage.Format_ARGB32)
            bits = image.constBits()
            bits.setsize(image.byteCount())
            place = int(image.text("x") or 0), int(image.text("y") or 0)
            layer.setPixelData(QByteArray(bytes(bits)), *place, image.width(), image.height())
    go_to(document, 5)
    document.refreshProjection()
    document.waitForDone()
    yield turns(10)
    return document, layer


def go_to(document, time):
    document.setCurrentTime(time)
    document.waitForDone()


def keys(layer):
    return [time for time in range(LENGTH) if layer.hasKeyframeAtTime(time)]


def film(document, layer, name=""):
    """The layer's pixels at every moment; written to files of that name at the beginning of each frame."""
    now, found = document.currentTime(), []
    for time in range(LENGTH):
        go_to(document, time)
        data = bytes(layer.pixelData(0, 0, document.width(), document.height()))
        found.append(hash(data))
        if name and layer.hasKeyframeAtTime(time):
            (FOLDER / f"{name}-{time}.pixels").write_bytes(data)
    go_to(document, now)
    return found


def layers_of(document):
    return [[node.name(), node.visible()] for node in document.topLevelNodes()]


def cut_out(seen, document, layer):
    """Click, and say what came of it. Returns the new layer."""
    seen["before"] = look(document, layer)
    click()
    yield progress
    seen["texts"] = []

    def over():
        """the cut-outs"""
        if progress() and progress_text() not in seen["texts"]:
            seen["texts"].append(progress_text())
        return idle()

    yield over
    yield turns(15)
    seen["messages"] = take_messages()
    seen["after"] = look(document, layer)
    seen["layers"] = layers_of(document)
    seen["time"] = document.currentTime()
    made = document.activeNode()
    seen["made"] = [made.name(), made.type(), made.colorModel(), made.colorDepth(), made.visible(), made.locked()]
    seen["keys"] = keys(made)
    return made


def all_frames(seen):
    document, layer = yield from opened("keyed")
    before = film(document, layer)
    yield from activate(document, layer)
    wish(frames="all", **KEYED)
    made = yield from cut_out(seen, document, layer)
    photograph_screen("frames.png")
    yield from undo(document)
    yield turns(15)
    seen["undone"] = layers_of(document)
    yield from redo(document)
    yield turns(15)
    seen["redone"] = layers_of(document)
    made = document.topLevelNodes()[-1]
    film(document, made, "made")
    seen["source kept"] = before == film(document, layer)
    seen["source keys"] = keys(layer)


def own_colours(seen):
    """In a picture of 16 bits, the layer's own colours, limited to what is selected, of frames of different sizes."""
    document, layer = yield from opened("small", "U16")
    before = film(document, layer)
    yield from activate(document, layer)
    selection = Selection()
    selection.select(20, 10, 60, 60, 255)
    document.setSelection(selection)
    document.waitForDone()
    wish(frames="all", clean_colours=False, anyway=True, within_selection=False, output="selection")
    made = yield from cut_out(seen, document, layer)
    film(document, made, "own")
    seen["source kept"] = before == film(document, layer)


def played(seen):
    """What is selected in the timeline; then a range that a script sets."""
    document, layer = yield from opened("keyed")
    film(document, layer, "source")
    yield from activate(document, layer)
    dock = window().qwindow().findChild(QDockWidget, "TimelineDocker")
    dock.show()
    yield turns(30)
    table = dock.findChild(QTableView)
    model = table.model()
    chosen = QItemSelection(model.index(0, PLAYED[0]), model.index(0, PLAYED[1]))
    table.selectionModel().select(chosen, QItemSelectionModel.ClearAndSelect)
    yield turns(10)
    seen["selected in the timeline"] = [document.playBackStartTime(), document.playBackEndTime()]
    document.setPlayBackRange(0, 1)
    yield turns()
    first = document.playBackEndTime()  # the last frame in some versions, in others the first that is not played
    document.setPlayBackRange(PLAYED[0], PLAYED[1] + 1 - first)
    yield turns()
    seen["range"] = [document.playBackStartTime(), document.playBackEndTime()]
    wish(frames="played", **KEYED)
    made = yield from cut_out(seen, document, layer)
    film(document, made, "played")
    dock.hide()


def cancelled(seen):
    document, layer = yield from opened("keyed")
    before = film(document, layer)
    yield from activate(document, layer)
    wish(frames="all", **KEYED)
    seen["before"] = look(document, layer)
    kept, read = frames.Frames.reading, []

    def reading(self, time):
        read.append(time)
        while len(read) > 4:  # for ever
            yield 10
        return (yield from kept(self, time))

    frames.Frames.reading = reading
    try:
        click()

        def in_the_fifth():
            """the fifth frame"""
            return len(read) > 4

        yield in_the_fifth
        yield turns()
        seen["text"] = progress_text()
        photograph_screen("frame-5.png")
        press_cancel()
        yield turns(10)
    finally:
        frames.Frames.reading = kept
    yield no_jobs
    seen["gone at once"] = idle()
    seen["messages"] = take_messages()
    seen["after"] = look(document, layer)
    seen["source kept"] = before == film(document, layer)
    yield from activate(document, layer)
    seen["next"] = {}
    yield from cut_out(seen["next"], document, layer)


def without_a_subject(seen):
    """In two frames there is nothing but the scene. Then in all."""
    document, layer = yield from opened("vanishing")
    yield from activate(document, layer)
    wish(frames="all", **KEYED)
    said = []
    first = remove_background.start(document, [layer], frames="all", **KEYED)
    first.finished.connect(said.append)

    def finished():
        """the end"""
        return said

    yield finished
    yield turns(15)
    seen["failures"] = [str(error) for _node, error in first.failures]
    seen["notices"] = first.notices
    film(document, document.topLevelNodes()[-1], "vanished")
    for time in TIMES:
        go_to(document, time)
        area = [0, 0, document.width(), document.height()]
        layer.setPixelData(document.nodeByName("plate").pixelData(*area), *area)
    go_to(document, 0)
    yield from activate(document, layer)
    seen["nowhere"] = {"layers before": layers_of(document)}
    yield from cut_out(seen["nowhere"], document, layer)


def dialog(seen):
    document = yield from open_photograph()
    wish()
    action("remove_background_options").trigger()
    opened_dialog = yield options_dialog
    yield turns(5)
    seen["without frames"] = opened_dialog.findChild(QComboBox, "frames").isVisible()
    opened_dialog.reject()
    yield turns(5)
    document, layer = yield from opened("keyed")
    yield from activate(document, layer)
    wish(**KEYED)
    action("remove_background_options").trigger()
    shown = yield options_dialog
    box, output = (shown.findChild(QComboBox, name) for name in ("frames", "output"))
    yield turns(60)
    seen["entries"] = [box.itemText(row) for row in range(box.count())]
    seen["with this frame"] = [box.isVisible(), box.currentData(), output.isEnabled()]
    box.setCurrentIndex(box.findData("all"))
    yield turns(60)
    seen["with all"] = [box.currentData(), output.isEnabled()]
    seen["others with all"] = [shown.findChild(QCheckBox, name).isEnabled() for name in ("clean_colours", "crop")]
    seen["notes"] = [label.text() for label in shown.findChildren(QLabel) if label.isVisible()]
    photograph_screen("frames-dialog.png")
    shown.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).click()
    yield idle
    yield turns(15)

    def done():
        """the new layer"""
        return idle() and len(document.topLevelNodes()) == 3

    yield done
    seen["messages"] = take_messages()
    seen["layers"] = layers_of(document)
    seen["remembered"] = wished()["frames"]
    film(document, document.topLevelNodes()[-1], "chosen")
    wish()


def masked_layer(seen):
    """A layer with a filter mask: what it shows is cut out."""
    document, layer = yield from opened("keyed")
    everything = Selection()
    everything.select(0, 0, document.width(), document.height(), 255)
    seen["filtered"] = hasattr(document, "createFilterMask")
    if seen["filtered"]:
        layer.addChildNode(document.createFilterMask("inverted", krita.filter("invert"), everything), None)
    document.refreshProjection()
    document.waitForDone()
    yield from activate(document, layer)
    wish(frames="all", clean_colours=False, **KEYED)
    made = yield from cut_out(seen, document, layer)
    seen["children"] = [child.type() for child in made.childNodes()]
    seen["bounds"] = rectangle(made)
    film(document, made, "inverted")
    wish()


ALL = [
    ("all frames", all_frames),
    ("own colours", own_colours),
    ("played", played),
    ("cancelled", cancelled),
    ("without a subject", without_a_subject),
    ("dialog", dialog),
    ("masked layer", masked_layer),
]
