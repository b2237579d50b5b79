"""The Mask R-CNNs of TensorFlow's detection model zoo: their names, where their archives are, and the hashes of these.

All were trained on COCO and published on 2018-01-28 (Apache-2.0). An archive holds one folder, with the frozen graph.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

WEIGHTS = "frozen_inference_graph.pb"  # in every archive
SERVER = "http://download.tensorflow.org/models/object_detection"  # plain http: only the hashes show what is right


@dataclass(frozen=True)
class Published:
    """A published model.

    name: of the archive without its suffix, and of the folder in it
    size: of the archive, in bytes
    algorithm, digest: the hash of the archive, hexadecimal
    weights_sha1: the hash of WEIGHTS, hexadecimal; None where none was published
    """

    name: str
    size: int
    algorithm: str
    digest: str
    weights_sha1: Optional[str] = None

    @property
    def archive(self) -> str:
        """The file name of the archive."""
        return f"{self.name}.tar.gz"

    @property
    def url(self) -> str:
        """The address of the archive."""
        return f"{SERVER}/{self.archive}"

    def weights_in(self, folder: Path) -> Path:
        """Where the weights are in a model folder: the default model's in the folder itself, as they always were."""
        return (folder if self == PUBLISHED[DEFAULT] else folder / self.name) / WEIGHTS


# By the name that --model takes. Size and hash of the archives are from the model.yml files
# of Intel's Open Model Zoo (models/public/mask_rcnn_*), the SHA-1 of the weights from OpenCV's list of test models.
PUBLISHED = {
    "inception_v2": Published(
        "mask_rcnn_inception_v2_coco_2018_01_28", 177_817_887, "sha256",
        "4f57861c2ff1c87e92495789ee266e41a7dc79a038521d93a153be403b0b601f",
        "c8adff66a1e23e607f57cf1a7cfabad0faa371f9"),
    "resnet50": Published(
        "mask_rcnn_resnet50_atrous_coco_2018_01_28", 449_505_463, "sha256",
        "f3741f099bdb414e172cc8cc41370213a41afd04d7aa970f7854f09a75172481"),
    "resnet101": Published(
        "mask_rcnn_resnet101_atrous_coco_2018_01_28", 661_899_639, "sha256",
        "67ac8d5f0974753e9a5b04d36376e20b3be55b5dcd6ce43bc25aed6c5583709d"),
    "inception_resnet_v2": Published(
        "mask_rcnn_inception_resnet_v2_atrous_coco_2018_01_28", 727_390_102, "sha384",
        "fe7871a3b291e30b299b859ffddc2b73f25890c259aedcd5bde6fb6dd6b5507a24e7d370365e3bdd3497f1786a0f4d36"),
}
DEFAULT = "inception_v2"
