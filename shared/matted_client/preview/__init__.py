"""What a person sees and says in the dialogs, whatever program they are in: a preview that can be clicked in.

camera: which part of the layer is seen. marks: what was said of it. conversation: the daemon's answers, always to the
newest question. presenter: brings them together, and turns the mouse and the keys into them. A program's own widget
only paints and reads pixels.
"""
