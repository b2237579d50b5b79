"""Segment the objects in photos: each one's mask, box and label drawn in colour onto the photo.

    python mask_rcnn.py --image images/example_01.jpg
    python mask_rcnn.py --image photos/ more/photo.png --output output --visualize
    python mask_rcnn.py --image "photos/*.jpg" --classes person,dog --effect blur --json output/objects.json

The annotated photos are saved to the output folder, then shown where there is a display.
"""

import sys

from segmentation.cli.start import photos as main

if __name__ == "__main__":
    sys.exit(main())
