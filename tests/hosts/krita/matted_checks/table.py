"""Every kind of layer in every kind of document: what becomes of a click. test_krita.py says what should."""

import remove_background
from krita import InfoObject, Selection
from PyQt5.QtCore import QByteArray

from .steps import FOLDER, PHOTOGRAPH, SRGB, activate, add_mask, close, krita, masks, pixels, show

# Colour model, depth and, where it matters, profile. The first is in sRGB bytes, which need no conversion.
EVERY_LAYER = (("RGBA", "U8", SRGB), ("RGBA", "F32", "scRGB (linear)"), ("CMYKA", "U8", ""))
PAINT_LAYERS = (
    ("RGBA", "U8", "ClayRGB-elle-V2-g22.icc"),
    ("RGBA", "U16", SRGB),
    ("RGBA", "F16", "scRGB (linear)"),
    ("GRAYA", "U8", ""),
    ("GRAYA", "U16", ""),
    ("GRAYA", "F32", ""),
    ("CMYKA", "U16", ""),
    ("CMYKA", "F32", ""),
    ("LABA", "U8", ""),
    ("LABA", "U16", ""),
    ("XYZA", "U16", ""),
    ("YCbCrA", "U8", ""),
)
OUTSIDE = (-70, 45)  # where the layer lies that is partly outside the canvas
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="280" viewBox="0 0 400 280">'
    '<rect width="400" height="280" fill="#d0e0f0"/><circle cx="190" cy="140" r="90" fill="#a02010"/></svg>'
)


def table(seen):
    seen["rows"] = []
    for number, (model, depth, profile) in enumerate(EVERY_LAYER + PAINT_LAYERS):
        known = krita.profiles(model, depth)
        if not known:
            continue
        document = krita.openDocument(str(PHOTOGRAPH))
        document.setBatchmode(True)
        document.setColorSpace(model, depth, profile if profile in known else known[0])
        document.waitForDone()
        yield from show(document)
        layers = {"paint layer": document.activeNode()}
        if number < len(EVERY_LAYER):
            layers = yield from _layers(document)
        for kind, node in layers.items():
            name = " ".join((model, depth, "sRGB" if number == 0 else "wide" if "Clay" in profile else "")).strip()
            row = {"space": name, "model": model, "depth": depth, "profile": document.colorProfile(), "kind": kind}
            yield from _click(document, node, row, f"table-{number}-{kind}")
            seen["rows"].append(row)
        yield from close(document)


def _layers(document):
    """A layer of every kind, by its kind."""
    photograph = document.activeNode()
    root = document.rootNode()
    width, height = document.width(), document.height()
    colours = QByteArray(pixels(photograph))
    everything = Selection()
    everything.select(0, 0, width, height, 255)

    outside = document.createNode("partly outside", "paintlayer")
    outside.setPixelData(colours, *OUTSIDE, width, height)
    masked = photograph.duplicate()
    root.addChildNode(masked, None)
    yield from activate(document, masked)  # Krita 5.1 adds a mask to the active layer only
    add_mask(document, masked, "Mine", 128)
    group = document.createGroupLayer("group")
    vector = document.createVectorLayer("vector")
    colour = InfoObject()
    colour.setProperty("color", "#2060a0")
    fill = document.createFillLayer("fill", "color", colour, everything)
    filter_layer = document.createFilterLayer("filter", krita.filter("invert"), everything)
    locked = photograph.duplicate()
    empty = document.createNode("empty", "paintlayer")
    for layer in (outside, group, vector, fill, filter_layer, locked, empty):
        root.addChildNode(layer, None)
    group.addChildNode(photograph.duplicate(), None)
    clone = document.createCloneLayer("clone", photograph)
    root.addChildNode(clone, None)
    vector.addShapesFromSvg(DRAWING)
    locked.setLocked(True)
    document.waitForDone()

    def drawn():
        """the drawing in the vector layer"""
        return not vector.bounds().isEmpty()

    yield drawn
    return {
        "paint layer": photograph,
        "partly outside the canvas": outside,
        "with a mask": masked,
        "mask selected": masks(masked)[0],
        "group": group,
        "vector layer": vector,
        "clone layer": clone,
        "fill layer": fill,
        "filter layer": filter_layer,
        "locked": locked,
        "empty": empty,
    }


def _click(document, node, row, name):
    ended = []

    def over():
        """the end of the removal"""
        return ended

    layer = node.parentNode() if node.type() == "transparencymask" else node
    documents = len(krita.documents())
    before = bytes(layer.pixelData(0, 0, document.width(), document.height()) or b"")
    remove_background.start(document, [node]).finished.connect(ended.append)
    yield over
    row["failures"] = [[error.message, error.hint] for _, error in ended[0].failures]
    row["pixels kept"] = before == bytes(layer.pixelData(0, 0, document.width(), document.height()) or b"")
    row["documents left open"] = len(krita.documents()) - documents
    mine = [mask for mask in masks(layer) if mask.name() == "Background removed"]
    row["masks"] = len(mine)
    row["size"] = [document.width(), document.height()]
    if mine:
        (FOLDER / f"{name}.mask").write_bytes(bytes(mine[-1].pixelData(0, 0, document.width(), document.height())))
        row["mask"] = f"{name}.mask"
    if layer.type() != "filterlayer" and not layer.locked():
        (FOLDER / f"{name}.shown").write_bytes(_shown(document, layer))
        row["shown"] = f"{name}.shown"


def _shown(document, layer):
    """What Krita shows of the layer by itself, without transparency masks, converted to sRGB: BGRA bytes."""
    copy = document.clone()
    copy.setBatchmode(True)
    for other, original in zip(copy.topLevelNodes(), document.topLevelNodes(), strict=True):
        other.setVisible(original == layer)
        if original == layer:
            for mask in masks(other):
                mask.setVisible(False)
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


ALL = [("table", table)]
