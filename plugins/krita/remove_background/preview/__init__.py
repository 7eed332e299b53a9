"""The preview in the dialogs: a picture of the layer that can be clicked in, with what the daemon answers.

    opened_layer     the layer: read in turns, and opened in the daemon
    reduced          its pixels at the sizes that are shown
    painting         from pixels and masks to what is on the screen
    preview_widget   the picture, with mouse and keys
    dialog_parts     what is below it: a line that says how far it is, and a row of tools
    preview_dialog   what both dialogs have in common

What does not depend on Krita is in matted_client.preview.
"""
