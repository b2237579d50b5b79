"""Which object is which from frame to frame.

instance_ids goes by boxes alone, for colours; tracker by motion, for numbers.
"""
