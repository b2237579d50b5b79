"""Which object is which from frame to frame: instance_ids by boxes alone, for colours; tracker by motion, for numbers."""
