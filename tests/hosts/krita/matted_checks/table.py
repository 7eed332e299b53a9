"""Every kind of layer in every kind of document: what becomes of a click. hosts/krita/kinds.py says what should."""

import array
import hashlib
import os

import remove_background
from krita import InfoObject, Selection
from PyQt5.QtCore import QByteArray

from .program import (
    FOLDER,
    PHOTOGRAPH,
    SELECTED,
    SRGB,
    activate,
    add_frame,
    add_mask,
    close,
    krita,
    masks,
    pixels,
    rectangle,
    select,
    show,
)

MODELS = ("RGBA", "GRAYA", "CMYKA", "LABA", "XYZA", "YCbCrA")
USUAL = {("RGBA", "F16"): "scRGB (linear)", ("RGBA", "F32"): "scRGB (linear)"}  # profiles; else sRGB, or Krita's first
OFTEN = (("RGBA", "U8"), ("RGBA", "F32"), ("CMYKA", "U8"))
PROFILES = {"another ICC profile": "ClayRGB-elle-V2-g22.icc", "linear ICC profile": "sRGB-elle-V2-g10.icc"}
LINE_ART = FOLDER / "drawing.png"
DRAWN_IN = (
    ("RGBA", "U16"),
    ("RGBA", "F32"),
    ("GRAYA", "U8"),
    ("CMYKA", "U8"),
)  # the drawing, besides the first of OFTEN
RUBBED_OUT = (0, 0, 110, 40)  # x, y, width, height of what a person has deleted in it
HUGE = FOLDER / "huge.png"  # of 100 megapixels, where it is wanted
OURS = "Background removed"
OUTSIDE, ALL_OUTSIDE, TILED = (-70, 45), (-900, 500), (-100, -80)  # left upper corners
PART, PART_AT = (60, 40, 240, 200), (110, 70)  # of the photograph: x, y, width, height; and where it is put
COPIES = ("hidden", "several", "selection", "filter", "alpha", "source", "own", "animated")
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="280" viewBox="0 0 400 280">'
    '<rect width="400" height="280" fill="#d0e0f0"/><circle cx="190" cy="140" r="90" fill="#a02010"/></svg>'
)
TEXT = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="280" viewBox="0 0 400 280">'
    '<text x="40" y="160" style="font-size:80" fill="#a02010">matte</text></svg>'
)


def table(seen):
    seen["rows"] = []
    seen["depths"] = {model: sorted(krita.colorDepths(model)) for model in MODELS}
    often = OFTEN if "MATTED_TEST_EVERYTHING" in os.environ else OFTEN[:1]
    for model in MODELS:
        for depth in krita.colorDepths(model):
            document = yield from _document(model, depth, USUAL.get((model, depth), SRGB))
            clicks = {"paint layer": [document.activeNode()]}
            if (model, depth) in often:
                clicks.update((yield from _layers(document)))
            yield from _click_all(seen, document, clicks)
    for kind, profile in PROFILES.items():
        document = yield from _document("RGBA", "U8", profile)
        yield from _click_all(seen, document, {kind: [document.activeNode()]})


def drawings(seen):
    """Line art on a white layer in several colours, beside the canvas, and with a corner that is transparent."""
    seen["rows"] = []
    for model, depth in DRAWN_IN:
        document = yield from _document(model, depth, USUAL.get((model, depth), SRGB), LINE_ART)
        yield from _click_all(seen, document, {"line art": [document.activeNode()]}, "drawing")
    document = yield from _document("RGBA", "U8", SRGB, LINE_ART)
    drawing = document.activeNode()
    outside, rubbed = _paint_layer(document, "outside"), _copy(document, drawing, "rubbed")
    outside.setPixelData(QByteArray(pixels(drawing)), *OUTSIDE, document.width(), document.height())
    width, height = RUBBED_OUT[2:]
    rubbed.setPixelData(QByteArray(bytes(4 * width * height)), *RUBBED_OUT)
    document.waitForDone()
    yield from _click_all(seen, document, {"partly outside the canvas": [outside], "rubbed out": [rubbed]}, "drawing")


def _document(model, depth, profile, file=PHOTOGRAPH):
    document = krita.openDocument(str(file))
    document.setBatchmode(True)
    known = krita.profiles(model, depth)
    document.setColorSpace(model, depth, profile if profile in known else known[0])
    document.waitForDone()
    return (yield from show(document))


def _click_all(seen, document, clicks, files="table"):
    """Click on nodes by kind, add a row for each, and close the document. files: how the names of the files begin."""
    for kind, nodes in clicks.items():
        row = {"model": document.colorModel(), "depth": document.colorDepth(), "kind": kind}
        yield from _click(document, nodes, row, f"{files}-{len(seen['rows'])}")
        seen["rows"].append(row)
    yield from close(document)


def _layers(document):
    """The nodes to select for a click, by the kind of layer."""
    photograph = document.activeNode()
    width, height = document.width(), document.height()
    colours = QByteArray(pixels(photograph))
    everything = Selection()
    everything.select(0, 0, width, height, 255)
    colour = InfoObject()
    colour.setProperty("color", "#2060a0")

    outside, beyond, tiled, part, half, drawing = (_paint_layer(document, name) for name in "123456")
    drawing.setPixelData(_line_art(document), 0, 0, width, height)
    outside.setPixelData(colours, *OUTSIDE, width, height)
    beyond.setPixelData(colours, *ALL_OUTSIDE, width, height)
    for column in range(2):
        for line in range(2):
            tiled.setPixelData(colours, TILED[0] + column * width, TILED[1] + line * height, width, height)
    part.setPixelData(photograph.pixelData(*PART), *PART_AT, *PART[2:])
    half.setPixelData(_half_transparent(photograph), 0, 0, width, height)

    copies = {name: _copy(document, photograph, name) for name in COPIES}
    masked, earlier, locked = (_copy(document, photograph, name) for name in ("masked", "earlier", "locked"))
    groups = {
        name: document.createGroupLayer(f"{name} group") for name in ("one", "other", "empty", "locked", "passing")
    }
    vector, text = document.createVectorLayer("vector"), document.createVectorLayer("text")
    fill = document.createFillLayer("fill", "color", colour, everything)
    filter_layer = document.createFilterLayer("filter", krita.filter("invert"), everything)
    file = document.createFileLayer("file", str(PHOTOGRAPH), "None")
    clone = document.createCloneLayer("clone", copies["source"])  # which gets no mask: a clone shows that, too
    for layer in (*groups.values(), vector, text, fill, filter_layer, file, clone):
        document.rootNode().addChildNode(layer, None)
    inside = {name: photograph.duplicate() for name in ("one", "other", "locked", "passing")}
    for name, layer in inside.items():
        groups[name].addChildNode(layer, None)
    empty = _paint_layer(document, "empty")
    for layer, name, value in ((masked, "Mine", 128), (earlier, OURS, 200)):
        yield from activate(document, layer)  # Krita 5.1 adds a mask to the active layer only
        add_mask(document, layer, name, value)
    vector.addShapesFromSvg(DRAWING)
    text.addShapesFromSvg(TEXT)
    copies["filter"].addChildNode(document.createFilterMask("negative", krita.filter("invert"), everything), None)
    copies["own"].addChildNode(document.createSelectionMask("own"), None)
    yield from add_frame(document, copies["animated"], 5)
    copies["hidden"].setVisible(False)
    copies["alpha"].setAlphaLocked(True)
    masks(earlier)[0].setLocked(True)
    groups["passing"].setPassThroughMode(True)
    for layer in (locked, groups["locked"]):
        layer.setLocked(True)
    document.waitForDone()

    def drawn():
        """the drawings and the file"""
        return not any(layer.bounds().isEmpty() for layer in (vector, text, file))

    yield drawn
    return {
        "half transparent": [half],
        "larger than the canvas": [tiled],
        "smaller than the canvas": [part],
        "partly outside the canvas": [outside],
        "all outside the canvas": [beyond],
        "hidden": [copies["hidden"]],
        "several layers selected": [copies["several"], photograph],
        "with a selection": [copies["selection"]],
        "group": [groups["one"]],
        "layer in a group": [inside["other"]],
        "vector layer": [vector],
        "text": [text],
        "clone layer": [clone],
        "file layer": [file],
        "with a mask": [masked],
        "mask selected instead of its layer": [masks(masked)[0]],
        "with a filter mask": [copies["filter"]],
        "with a selection mask of its own": [copies["own"]],
        "animated": [copies["animated"]],
        "pass-through group": [groups["passing"]],
        "alpha locked": [copies["alpha"]],
        "line art on white": [drawing],
        "fill layer": [fill],
        "filter layer": [filter_layer],
        "empty": [empty],
        "empty group": [groups["empty"]],
        "locked": [locked],
        "in a locked group": [inside["locked"]],
        "earlier mask locked": [earlier],
    }


def _paint_layer(document, name):
    layer = document.createNode(name, "paintlayer")
    document.rootNode().addChildNode(layer, None)
    return layer


def _copy(document, layer, name):
    copy = layer.duplicate()
    copy.setName(name)
    document.rootNode().addChildNode(copy, None)
    return copy


def _line_art(document):
    """The samples of the drawing, in the colours of the document."""
    other = krita.openDocument(str(LINE_ART))
    other.setBatchmode(True)
    other.setColorSpace(document.colorModel(), document.colorDepth(), document.colorProfile())
    other.waitForDone()
    data = QByteArray(pixels(other.topLevelNodes()[0]))
    other.setModified(False)
    other.close()
    return data


def _half_transparent(layer):
    """The layer's samples, its alpha rising and falling from pixel to pixel."""
    samples = array.array({"U8": "B", "F32": "f"}[layer.colorDepth()], pixels(layer))
    channels = {"RGBA": 4, "CMYKA": 5}[layer.colorModel()]
    levels = array.array("B", [20 + index % 200 for index in range(len(samples) // channels)])
    alpha = levels if samples.typecode == "B" else array.array("f", [level / 255 for level in levels])
    samples[channels - 1 :: channels] = alpha
    return QByteArray(samples.tobytes())


def _click(document, nodes, row, name):
    """Click on `nodes` and note what became of their layers."""
    ended = []

    def over():
        """the end of the removal"""
        return ended

    layers = [node.parentNode() if node.type() == "transparencymask" else node for node in nodes]
    documents = len(krita.documents())
    if row["kind"] == "with a selection":
        select(document, *SELECTED)
    before = [_state(document, layer) for layer in layers]
    remove_background.start(document, nodes).finished.connect(ended.append)
    yield over
    document.setSelection(None)
    after = [_state(document, layer) for layer in layers]
    row["failures"] = [[error.message, error.hint] for _, error in ended[0].failures]
    row["pixels kept"] = [each["pixels"] for each in before] == [each["pixels"] for each in after]
    row["masks kept"] = [each["masks"] for each in before] == [each["masks"] for each in after]
    row["documents left open"] = len(krita.documents()) - documents
    row["layers"] = []
    for number, layer in enumerate(layers):
        mine = [mask for mask in masks(layer) if mask.name() == OURS]
        if mine and not row["failures"]:
            area, file = _area(document, layer), f"{name}-{number}"
            (FOLDER / f"{file}.mask").write_bytes(bytes(mine[-1].pixelData(*area)))
            (FOLDER / f"{file}.shown").write_bytes(_shown(document, layer))
            row["layers"].append({"name": layer.name(), "area": area, "masks": len(mine), "file": file})


def _state(document, layer):
    whole = (0, 0, document.width(), document.height())
    return {
        "pixels": bytes(layer.pixelData(*whole) or b""),
        "masks": [(mask.name(), bytes(mask.pixelData(*whole))) for mask in masks(layer)],
    }


def _area(document, layer):
    """Where the layer lies, if that is partly outside; else the canvas."""
    x, y, width, height = rectangle(layer)
    inside = x >= 0 and y >= 0 and x + width <= document.width() and y + height <= document.height()
    return [0, 0, document.width(), document.height()] if inside else [x, y, width, height]


def _shown(document, layer):
    """What Krita shows of the layer by itself, without transparency masks, converted to sRGB: BGRA bytes."""
    while layer.parentNode().parentNode() is not None:
        layer = layer.parentNode()
    copy = document.clone()
    copy.setBatchmode(True)
    for other, original in zip(copy.topLevelNodes(), document.topLevelNodes(), strict=True):
        other.setVisible(original == layer)
        if original == layer:
            _without_masks(other)
    copy.refreshProjection()
    copy.waitForDone()
    copy.flatten()
    copy.waitForDone()
    copy.setColorSpace("RGBA", "U8", SRGB)
    copy.waitForDone()
    data = bytes(copy.pixelData(0, 0, copy.width(), copy.height()))
    copy.setModified(False)
    copy.close()
    return data


def _without_masks(layer):
    for child in layer.childNodes():
        if child.type() == "transparencymask":
            child.setVisible(False)
        _without_masks(child)


def huge(seen):
    """A layer of 100 megapixels, where somebody has put one."""
    if not HUGE.exists():
        return
    document = krita.openDocument(str(HUGE))
    yield from show(document)
    layer = document.activeNode()
    row = {"model": document.colorModel(), "depth": document.colorDepth(), "kind": "100 megapixels"}
    area = rectangle(layer)
    before = hashlib.sha256(layer.pixelData(*area)).hexdigest()
    ended = []

    def over():
        """the end of the removal"""
        return ended

    remove_background.start(document, [layer]).finished.connect(ended.append)
    yield over
    row["failures"] = [[error.message, error.hint] for _, error in ended[0].failures]
    row["pixels kept"] = before == hashlib.sha256(layer.pixelData(*area)).hexdigest()
    seen["mask"] = hashlib.sha256(masks(layer)[0].pixelData(*area)).hexdigest()
    seen["rows"] = [row]
    yield from close(document)


ALL = [("table", table), ("drawings", drawings), ("huge", huge)]
