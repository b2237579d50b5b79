"""The same object from frame to frame.

instance_ids compares boxes alone, for colours; tracker predicts motion too, for numbers that outlast gaps.
"""
