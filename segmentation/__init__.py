"""Mask R-CNN (Inception v2, COCO) on photos through cv2.dnn: what the command lines share.

    from segmentation.network.mask_rcnn import MaskRCNN
    net = MaskRCNN.load("mask-rcnn-coco")
    found = net(image)                  # BGR uint8 (H, W, 3) in, Instances out
"""


class SegmentationError(Exception):
    """Something the user can mend: the text is one sentence that says what failed, which path, what to do."""
