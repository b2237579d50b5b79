"""Instances as pixels: draw puts masks, boxes and labels on a picture, effects hides or cuts out, windows shows.

Nothing here knows where a picture comes from or where it goes.
"""
