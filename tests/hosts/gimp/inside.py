"""Runs inside a real GIMP as its batch script and does what the tests outside ask for, one call at a time.

A call is a line of JSON, [name of a function below, arguments], and so is its answer: {"value": …} or {"error": …}.
Images, layers and channels travel as GIMP's own ids, pixels as base64. Meanwhile GIMP itself goes on: this is one of
its plug-in processes, so its windows answer to the keyboard.
"""

import base64
import json
import os
import socket
import traceback

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402  (after their versions)

PROCEDURE = "plug-in-remove-background"
PIXELS, MASK = "R'G'B'A u8", "Y u8"
displays = {}


def image_of(image):
    return Gimp.Image.get_by_id(image)


def item_of(item):
    return Gimp.Item.get_by_id(item)


def ids(items):
    return [item.get_id() for item in items]


def samples(drawable, encoding):
    everything = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return base64.b64encode(drawable.get_buffer().get(everything, 1.0, encoding, Gegl.AbyssPolicy.NONE)).decode()


def load(path):
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path)).get_id()


def convert(image, precision):
    image_of(image).convert_precision(getattr(Gimp.Precision, precision))


def kind(image):
    """How GIMP holds the picture: ["RGB", "U8_NON_LINEAR"]"""
    found = image_of(image)
    return [found.get_base_type().value_name.split("_", 1)[1], found.get_precision().value_name.split("_", 2)[2]]


def resize_canvas(image, width, height, x, y):
    """The layers keep their size and lie at x, y of the new canvas."""
    image_of(image).resize(width, height, x, y)


def resize_layer(layer, width, height):
    item_of(layer).resize(width, height, 0, 0)


def delete_layer(layer):
    item_of(layer).get_image().remove_layer(item_of(layer))


def save(image, path):
    return Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image_of(image), Gio.File.new_for_path(path), None)


def show(image):
    displays[image] = Gimp.Display.new(image_of(image))


def close_image(image):
    if image in displays:
        displays.pop(image).delete()
    else:
        image_of(image).delete()


def layers(image):
    return ids(image_of(image).get_layers())


def state(image):
    """All that could have changed, layer by layer from the top, groups before what is in them."""
    found = image_of(image)
    return {"dirty": found.is_dirty(), "layers": [shape for layer in found.get_layers() for shape in shapes(layer)]}


def shapes(layer):
    mask = layer.get_mask()
    shape = {
        "id": layer.get_id(),
        "name": layer.get_name(),
        "offsets": list(layer.get_offsets())[1:],
        "size": [layer.get_width(), layer.get_height()],
        "pixels": samples(layer, PIXELS),
        "mask": samples(mask, MASK) if mask else None,
        "edits mask": layer.get_edit_mask(),
    }
    return [shape] + [inner for child in (layer.get_children() if layer.is_group() else []) for inner in shapes(child)]


def clean(image):
    """Forget that there were changes: from here on `dirty` counts undo steps."""
    image_of(image).clean_all()


def group(image, children):
    folder = Gimp.GroupLayer.new(image_of(image), "Group")
    image_of(image).insert_layer(folder, None, 0)
    for child in children:
        image_of(image).reorder_item(item_of(child), folder, 0)
    return folder.get_id()


def lock(item, locked):
    item_of(item).set_lock_content(locked)


def give_mask(layer, value):
    """A mask with the same value everywhere, being edited, as after GIMP's own Add Layer Mask."""
    layer = item_of(layer)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    width, height = mask.get_width(), mask.get_height()
    mask.get_buffer().set(Gegl.Rectangle.new(0, 0, width, height), MASK, bytes([value]) * (width * height))
    mask.get_buffer().flush()
    layer.add_mask(mask)
    return mask.get_id()


def add_channel(image):
    color = Gegl.Color.new("black")
    channel = Gimp.Channel.new(image_of(image), "Channel", 8, 8, 50.0, color)
    image_of(image).insert_channel(channel, None, 0)
    return channel.get_id()


def float_selection(image, layer):
    image_of(image).select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 40, 40)
    Gimp.edit_copy([item_of(layer)])
    floating = Gimp.edit_paste(item_of(layer), False)
    return ids(floating)[0]


def remove_background(image, items, mode="NONINTERACTIVE"):
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    config = procedure.create_config()
    config.set_property("run-mode", getattr(Gimp.RunMode, mode))
    config.set_property("image", image_of(image))
    config.set_core_object_array("drawables", [item_of(item) for item in items])
    result = procedure.run(config)
    status = result.index(0).value_nick
    return [status, "" if status == "success" else Gimp.get_pdb().get_last_error()]


def serve(port_file):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with open(port_file + ".part", "w") as file:
            file.write(str(listener.getsockname()[1]))
        os.rename(port_file + ".part", port_file)
        connection = listener.accept()[0]
    with connection, connection.makefile("rw", encoding="utf-8") as stream:
        for line in stream:
            name, *arguments = json.loads(line)
            try:
                answer = {"value": globals()[name](*arguments)}
            except Exception:
                answer = {"error": traceback.format_exc()}
            stream.write(json.dumps(answer) + "\n")
            stream.flush()


serve(os.environ["GIMP_TEST_PORT_FILE"])
