"""Segment the objects in every frame of a video, and write a video of the result.

    python mask_rcnn_video.py --input videos/cats_and_dogs.mp4 --output output/cats_and_dogs_output.avi
    python mask_rcnn_video.py --input film.mp4 --output output/film.mp4 --every 3 --track --json output/film.json
    python mask_rcnn_video.py --input videos/ more/*.mp4 --output output --workers auto

The result keeps the source's frame rate and sound, and appears under its name when it is complete.
"""

import sys

from segmentation.cli.start import videos as main

if __name__ == "__main__":
    sys.exit(main())
