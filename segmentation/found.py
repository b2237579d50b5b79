"""Found: Instances together with their picture, for people at a notebook: drawn, saved, given to other programs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from segmentation import SegmentationError
from segmentation.drawing.draw import Style, drawn
from segmentation.drawing.palettes import Color, colors_for
from segmentation.files import AnyPath
from segmentation.instances import Instances
from segmentation.network.made import Made
from segmentation.pictures import encode_picture, write_picture
from segmentation.results.rows import Row, SeenPhoto, describe
from segmentation.wording import counted

if TYPE_CHECKING:
    import supervision

SHOWN_SIDE = 1024  # pixels, at most, of a picture that a notebook shows, and then keeps in its own file
SUFFIXES = (".jpg", ".jpeg", ".png")  # that `save` writes
NOTHING = np.zeros((1, 1, 3), np.uint8)  # after the fields of Instances, those of Found must have defaults


@dataclass(frozen=True, eq=False, repr=False)
class Found(Instances):
    """Instances, and the picture that they were found in.

    image: the picture, BGR uint8 (H, W, 3)
    order: of the colours in the arrays that `draw` gives, "bgr" or "rgb"
    file: the path of the picture; empty if it was none
    colors: the model's colours, (B, G, R) each
    made: what found them

    A part of it, such as found[found.scores > 0.9], has the same picture. A notebook shows it as a picture.
    """

    image: np.ndarray = field(default_factory=lambda: NOTHING)
    order: str = "bgr"
    file: str = ""
    colors: tuple[Color, ...] = ((0, 255, 0),)
    made: Made = field(default_factory=lambda: Made("", "", "", "keep", 0.5))

    def __repr__(self) -> str:
        objects = ", ".join(f"{one.label} {one.score:.2f}" for one in self)
        place = f" in {self.file}" if self.file else ""
        return f"<Found {counted(len(self), 'object')}{place}{': ' if objects else ''}{objects}>"

    def draw(self, palette: str = "colors", **style: Any) -> np.ndarray:
        """A copy of the picture with the objects drawn, uint8 (H, W, 3), its colours in `order`.

        With effect="cutout", background=None it has an alpha channel too, (H, W, 4).

        palette: "colors", "class" or "instance", as --palette
        style: fields of Style, such as effect="blur", opacity=0.6, labels=False; colours in it are (B, G, R)

        Raises ValueError for a value that Style does not take.
        """
        image = self.drawn_bgr(palette, style)
        if self.order == "bgr":
            return image
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)

    def drawn_bgr(self, palette: str, style: dict[str, Any]) -> np.ndarray:
        """As draw, in BGR."""
        return drawn(self.image, self, self.names, colors_for(palette, self, self.colors), Style(**style))

    def save(self, path: AnyPath, palette: str = "colors", **style: Any) -> None:
        """Write what `draw` draws to a file of one of the SUFFIXES, with a text that says what made it.

        Raises SegmentationError if the file cannot be written, or has a suffix that does not go with it.
        """
        if Path(path).suffix.lower() not in SUFFIXES:
            raise SegmentationError(f"cannot write {path}: name a file that ends in .jpg, .jpeg or .png")
        image = self.drawn_bgr(palette, style)
        if image.shape[2] == 4 and Path(path).suffix.lower() != ".png":
            raise SegmentationError(f"cannot write {path}: a JPEG has no transparency, name a file that ends in .png")
        write_picture(path, image, self.made.text)

    def to_coco(self, image_id: int = 1, polygons: bool = False) -> list[Row]:
        """A dictionary for each object, as --json has them: image_id, category_id, bbox, score, segmentation and more.

        json.dumps takes them.

        image_id: the number of the picture in your data set
        polygons: the masks are polygons, as with --polygons, not run lengths
        """
        seen = SeenPhoto(self.image, self, image_id, self.file, Path(self.file))
        return describe(seen, self.names, self.made.model, polygons)

    def to_supervision(self) -> "supervision.Detections":
        """The same as supervision.Detections, with the masks as large as the picture and the labels as class_name.

        Raises SegmentationError if that package is missing.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise SegmentationError("to_supervision needs another package: pip install supervision") from error
        masks = np.stack([one.mask for one in self]) if len(self) else np.zeros((0, *self.image_hw), bool)
        return Detections(xyxy=self.boxes.astype(np.float32), mask=masks, confidence=self.scores,
                          class_id=self.class_ids.astype(int), data={"class_name": self.labels})

    def _repr_png_(self) -> bytes:
        """The drawn picture as a PNG file, which a notebook shows."""
        image = self.drawn_bgr("colors", {})
        scale = SHOWN_SIDE / max(image.shape)
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return encode_picture(image, ".png", "the picture")
