"""Drawing of Instances: draw puts masks, boxes and captions on a picture, effects are the ways to draw an object,
palettes gives each object a colour, windows shows the result.

Nothing here knows where a picture comes from or where it is written.
"""
