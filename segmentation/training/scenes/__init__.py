"""Drawn scenes with exact masks.

    draw        the command: writes a data set         clip    a scene in motion
    scene       one scene: arranging (which objects, and where) and camera (light, noise)
    places      the backgrounds: grounds and surfaces, painted with textures; photos: those of the user
    sprites     objects on a picture                   shapes  all classes; shapes_*: each drawn on a canvas

Each module imports only those that stand below it here, or after it in its line.
"""
