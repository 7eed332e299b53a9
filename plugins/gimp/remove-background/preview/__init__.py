"""The preview in the dialogs: a picture of the layer that can be clicked in, with what the daemon answers.

    opened_layer     the layer: read a part at a time, and open in the daemon
    beginning        what is done before the dialog is there
    views            its pixels at the size that is shown
    markers          points, boxes and the cross
    painting         from pixels and masks to what is on the screen
    preview_widget   the picture, with mouse and keys
    dialog_parts     what is below it: a line that says how far it is, and a row of tools
    preview_dialog   what both dialogs have in common

What does not depend on GIMP is in matted_client.preview.
"""
