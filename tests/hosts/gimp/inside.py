"""Runs inside a real GIMP as its batch script and does what the tests outside ask for, one call at a time.

A call is a line of JSON, [name of a function below, arguments], and so is its answer: {"value": …} or {"error": …}.
Images, layers and channels travel as GIMP's own ids, pixels as base64. Meanwhile GIMP itself goes on: this is one of
its plug-in processes, so its windows answer to the keyboard.
"""

import array
import base64
import hashlib
import json
import os
import shutil
import socket
import traceback

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402  (after their versions)

ONE_CLICK = "plug-in-remove-background"
PIXELS, MASKS = "R'G'B'A u8", {8: "Y u8", 16: "Y u16"}
displays = {}


def image_of(image):
    return Gimp.Image.get_by_id(image)


def item_of(item):
    return Gimp.Item.get_by_id(item)


def ids(items):
    return [item.get_id() for item in items]


def samples(drawable, encoding):
    return base64.b64encode(raw(drawable, encoding)).decode()


def raw(drawable, encoding):
    everything = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(everything, 1.0, encoding, Gegl.AbyssPolicy.NONE)


def depth_of(image):
    """Bits that a sample of a mask has."""
    return 8 if "_U8_" in image.get_precision().value_name else 16


def version():
    return Gimp.version()


def load(path):
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path)).get_id()


def insert(image, path, x=0, y=0):
    """A file as a new layer on top."""
    layer = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image_of(image), Gio.File.new_for_path(path))
    image_of(image).insert_layer(layer, None, 0)
    layer.set_offsets(x, y)
    return layer.get_id()


def convert(image, precision):
    image_of(image).convert_precision(getattr(Gimp.Precision, precision))


def kind(image):
    """How GIMP holds the picture: ["RGB", "U8_NON_LINEAR"]"""
    found = image_of(image)
    return [mode_of(found), found.get_precision().value_name.split("_", 2)[2]]


def mode_of(image):
    return image.get_base_type().value_name.split("_", 1)[1]


def resize_canvas(image, width, height, x, y):
    """The layers keep their size and lie at x, y of the new canvas."""
    image_of(image).resize(width, height, x, y)


def copy(layer, x, y):
    """The layer once more on top of it, elsewhere."""
    found = item_of(layer)
    again = found.copy()
    found.get_image().insert_layer(again, found.get_parent(), found.get_image().get_item_position(found))
    again.set_offsets(x, y)
    return again.get_id()


def resize_layer(layer, width, height):
    item_of(layer).resize(width, height, 0, 0)


def copy_aside(layer):
    """A copy of the layer that is in no picture."""
    return item_of(layer).copy().get_id()


def delete_layer(layer):
    item_of(layer).get_image().remove_layer(item_of(layer))


def brighten(layer, factor):
    """Multiply the samples of a layer of floats."""
    layer = item_of(layer)
    everything, buffer = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height()), layer.get_buffer()
    before = array.array("f", buffer.get(everything, 1.0, "RGB float", Gegl.AbyssPolicy.NONE))
    buffer.set(everything, "RGB float", array.array("f", [factor * each for each in before]).tobytes())
    buffer.flush()


def digests(layer):
    """SHA-256 of a large layer's samples and of its mask's; None where there is no mask."""
    found = item_of(layer)
    mask = found.get_mask()
    return [
        hashlib.sha256(raw(found, PIXELS)).hexdigest(),
        hashlib.sha256(raw(mask, MASKS[8])).hexdigest() if mask else None,
    ]


def exact_pixels(layer):
    return samples(item_of(layer), "RGBA float")


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
        "visible": layer.get_visible(),
        "group": layer.is_group(),
        "pixels": samples(layer, PIXELS),
        "mask": samples(mask, MASKS[depth_of(layer.get_image())]) if mask else None,
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


def hide(layer):
    item_of(layer).set_visible(False)


def rename(layer, name):
    item_of(layer).set_name(name)


def lock_position(layer):
    item_of(layer).set_lock_position(True)


def lock_visibility(layer):
    item_of(layer).set_lock_visibility(True)


def lock_alpha(layer):
    item_of(layer).set_lock_alpha(True)


def add_effect(layer, operation="gegl:gaussian-blur", settings=(("std-dev-x", 5.0),)):
    """A non-destructive filter, as Filters > Blur leaves one."""
    effect = Gimp.DrawableFilter.new(item_of(layer), operation, "")
    for name, value in settings:
        effect.get_config().set_property(name, value)
    item_of(layer).append_filter(effect)


def effects(layer):
    return [effect.get_operation_name() for effect in item_of(layer).get_filters()]


def seen(image):
    """SHA-256 of what the canvas shows, with all layers."""
    layer = Gimp.Layer.new_from_visible(image_of(image), image_of(image), "")
    digest = hashlib.sha256(raw(layer, PIXELS)).hexdigest()
    layer.delete()
    return digest


def blend(layer, mode, opacity=100.0):
    item_of(layer).set_mode(getattr(Gimp.LayerMode, mode))
    item_of(layer).set_opacity(opacity)


def blend_mode(layer):
    return item_of(layer).get_mode().value_name.rpartition("MODE_")[2]


def blend_unusually(layer):
    """Set what few people change: where and in which colours the layer is blended."""
    item_of(layer).set_blend_space(Gimp.LayerColorSpace.RGB_LINEAR)
    item_of(layer).set_composite_mode(Gimp.LayerCompositeMode.CLIP_TO_BACKDROP)
    item_of(layer).set_composite_space(Gimp.LayerColorSpace.RGB_PERCEPTUAL)


def switch_mask_off(layer):
    item_of(layer).set_apply_mask(False)


def add_text(image, words):
    layer = Gimp.TextLayer.new(image_of(image), words, Gimp.context_get_font(), 60, Gimp.Unit.pixel())
    image_of(image).insert_layer(layer, None, 0)
    return layer.get_id()


def add_empty(image):
    """A transparent layer, as Layer > New Layer makes one."""
    found = image_of(image)
    kind = {"RGB": Gimp.ImageType.RGBA_IMAGE, "GRAY": Gimp.ImageType.GRAYA_IMAGE}.get(mode_of(found))
    size = found.get_width(), found.get_height()
    layer = Gimp.Layer.new(found, "Empty", *size, kind or Gimp.ImageType.INDEXEDA_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
    found.insert_layer(layer, None, 0)
    return layer.get_id()


def has(name):
    """Whether this GIMP knows such layers, for example "LinkLayer"."""
    return hasattr(Gimp, name)


def add_vectors(image):
    """A filled path, as the Paths tool of GIMP 3.2 makes a layer of one."""
    found = image_of(image)
    path = Gimp.Path.new(found, "Path")
    found.insert_path(path, None, 0)
    path.bezier_stroke_new_ellipse(120.0, 80.0, 60.0, 50.0, 0.0)
    layer = Gimp.VectorLayer.new(found, path)
    found.insert_layer(layer, None, 0)
    layer.set_enable_fill(True)
    layer.set_fill_color(Gegl.Color.new("red"))
    layer.refresh()
    return layer.get_id()


def add_link(image, path):
    """A layer that shows a file."""
    layer = Gimp.LinkLayer.new(image_of(image), Gio.File.new_for_path(path))
    image_of(image).insert_layer(layer, None, 0)
    return layer.get_id()


def convert_profile(image):
    """A profile other than GIMP's own: wider for colours, another tone curve for greys."""
    found = image_of(image)
    grey = found.get_base_type() == Gimp.ImageBaseType.GRAY
    profile = Gimp.ColorProfile.new_d50_gray_lab_trc() if grey else Gimp.ColorProfile.new_rgb_adobe()
    found.convert_color_profile(profile, Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, True)


def lock(item, locked):
    item_of(item).set_lock_content(locked)


def give_mask(layer, value):
    """A mask with the same value everywhere, being edited, as after GIMP's own Add Layer Mask."""
    layer = item_of(layer)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    width, height = mask.get_width(), mask.get_height()
    mask.get_buffer().set(Gegl.Rectangle.new(0, 0, width, height), MASKS[8], bytes([value]) * (width * height))
    mask.get_buffer().flush()
    layer.add_mask(mask)
    return mask.get_id()


def paint_mask(layer, x, y, width, height, white):
    """Fill a rectangle of the layer's mask with white or black, as a person does. One undo step, and no selection."""
    layer = item_of(layer)
    image = layer.get_image()
    image.undo_group_start()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
    layer.get_mask().edit_fill(Gimp.FillType.WHITE if white else Gimp.FillType.BLACK)
    Gimp.Selection.none(image)
    image.undo_group_end()


def set_mask(layer, samples):
    """Write samples of 8 bits into the layer's mask, before anything is done to it."""
    mask = item_of(layer).get_mask()
    everything = Gegl.Rectangle.new(0, 0, mask.get_width(), mask.get_height())
    mask.get_buffer().set(everything, MASKS[8], base64.b64decode(samples))
    mask.get_buffer().flush()


def mask_as_set(layer):
    """What is set for the layer's mask, besides its samples: which one it is, and how it is shown."""
    found = item_of(layer)
    mask = found.get_mask()
    shown = [found.get_apply_mask(), found.get_show_mask(), found.get_edit_mask()]
    return [mask.get_id(), mask.get_name(), mask.get_visible(), *shown]


def set_mask_unusually(layer):
    """The mask is switched off and is not what is painted on."""
    item_of(layer).set_apply_mask(False)
    item_of(layer).set_edit_mask(False)


def remove_mask(layer):
    item_of(layer).remove_mask(Gimp.MaskApplyMode.DISCARD)
    Gimp.displays_flush()


def add_white_mask(layer):
    """What GIMP's own Add Layer Mask does, and nothing else."""
    layer = item_of(layer)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    Gimp.displays_flush()


def add_channel(image, name="Channel"):
    color = Gegl.Color.new("black")
    channel = Gimp.Channel.new(image_of(image), name, 8, 8, 50.0, color)
    image_of(image).insert_channel(channel, None, 0)
    return channel.get_id()


def select(image, x, y, width, height, feather=0):
    """A rectangle is selected; feather: pixels."""
    image_of(image).select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
    if feather:
        Gimp.Selection.feather(image_of(image), feather)


def deselect(image, x, y, width, height):
    """A rectangle of what is selected is no longer."""
    image_of(image).select_rectangle(Gimp.ChannelOps.SUBTRACT, x, y, width, height)


def select_nothing(image):
    Gimp.Selection.none(image_of(image))


def selection(image):
    """What is selected, of the canvas; None if nothing is."""
    if Gimp.Selection.is_empty(image_of(image)):
        return None
    return samples(image_of(image).get_selection(), MASKS[8])


def channels(image):
    return ids(image_of(image).get_channels())


def images():
    return ids(Gimp.get_images())


def choose_layers(image, layers):
    """Select them, as in the Layers dialog."""
    image_of(image).set_selected_layers([item_of(layer) for layer in layers])


def selected_layers(image):
    return ids(image_of(image).get_selected_layers())


def float_selection(image, layer):
    image_of(image).select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 40, 40)
    Gimp.edit_copy([item_of(layer)])
    floating = Gimp.edit_paste(item_of(layer), False)
    return ids(floating)[0]


def arguments(procedure=ONE_CLICK):
    """What a procedure of the plug-in takes, in its order."""
    return [spec.name for spec in Gimp.get_pdb().lookup_procedure(procedure).get_arguments()]


def menu_label():
    return Gimp.get_pdb().lookup_procedure(ONE_CLICK).get_menu_label()


def remove_background(image, items, mode="NONINTERACTIVE", options=None, name=ONE_CLICK):
    """Run a procedure of the plug-in; options: its arguments, a plate as the id of its layer. [status, error]"""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", getattr(Gimp.RunMode, mode))
    config.set_property("image", image_of(image))
    config.set_core_object_array("drawables", [item_of(item) for item in items])
    for option, value in (options or {}).items():
        config.set_property(option, item_of(value) if option == "plate" else value)
    result = procedure.run(config)
    status = result.index(0).value_nick
    return [status, "" if status == "success" else Gimp.get_pdb().get_last_error()]


def script_fu(script):
    """Run a script in GIMP's own language. [status, error]"""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("script", script)
    status = procedure.run(config).index(0).value_nick
    return [status, "" if status == "success" else Gimp.get_pdb().get_last_error()]


def remembered():
    """The options that the one click uses, as text; None as long as nothing was chosen."""
    parasite = Gimp.get_parasite(ONE_CLICK + "-last")
    return bytes(parasite.get_data()).decode() if parasite else None


def forget():
    """Let the plug-in's settings be as before its first use."""
    shutil.rmtree(os.path.join(Gimp.directory(), "plug-in-settings"), ignore_errors=True)
    for name in Gimp.get_parasite_list():
        if name.startswith(ONE_CLICK):
            Gimp.detach_parasite(name)


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
