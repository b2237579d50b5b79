"""The same object from frame to frame.

instance_ids compares boxes alone, for colours; tracker predicts motion too, for numbers that outlast gaps. By these,
crossings counts what crosses lines and the edges of zones, which boundaries makes of the command line's texts.
"""
