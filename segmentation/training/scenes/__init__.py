"""Drawn scenes with exact masks: `draw` puts the objects of `shapes` before `backgrounds`."""
