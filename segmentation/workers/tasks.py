"""What a worker does: Task loads the network once, and makes a Part of each chunk as its Drawing says.

    task = Task(find_model(MODEL_FOLDER))
    part = task.do(chunk, Drawing(every=1, palette="class", style=Style()))    # a Chunk of chunks.py
    for number, found in part.found.items():
        print(number, len(found))
"""

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Optional, Protocol, Union

import av
import cv2

from segmentation import SegmentationError
from segmentation.drawing.draw import Style
from segmentation.instances import Instances
from segmentation.network.mask_rcnn import MaskRCNN
from segmentation.network.options import NetworkOptions
from segmentation.network.weights import ModelFiles
from segmentation.video.annotate import Annotator
from segmentation.video.looks import Look, StreamFrame, look_at, timed
from segmentation.video.sink import Coding, FrameEncoder
from segmentation.video.source import Frame
from segmentation.workers.chunks import Chunk, decode
from segmentation.workers.packet_index import CannotCut


class EncodedData(NamedTuple):
    """An encoded frame as plain values; pts, dts and duration are in units of the Coding's time base."""

    data: bytes
    pts: Optional[int]
    dts: Optional[int]
    duration: Optional[int]
    is_keyframe: bool

    @classmethod
    def of(cls, packet: av.Packet) -> "EncodedData":
        """The values of a packet from a FrameEncoder."""
        return cls(bytes(packet), packet.pts, packet.dts, packet.duration, packet.is_keyframe)

    def packet(self, coding: Coding) -> av.Packet:
        """The packet again; coding: the one that it was encoded with."""
        packet = av.Packet(self.data)
        packet.time_base = coding.time_base
        packet.pts, packet.dts, packet.is_keyframe = self.pts, self.dts, self.is_keyframe
        if self.duration:
            packet.duration = self.duration
        return packet


@dataclass(frozen=True)
class Drawing:
    """What is done with the frames of a chunk; plain values.

    every: the network sees the frames 0, every, 2 * every, ...
    follow: whether objects move with the picture between these
    palette, style: as of Annotator
    coding: how the frames are encoded; None: they are neither drawn nor encoded, only the network sees them
    times: of the frames first to last of the chunk, in units of the coding's time_base
    """

    every: int
    palette: str
    style: Style
    coding: Optional[Coding] = None
    times: tuple[int, ...] = ()
    follow: bool = False


@dataclass(frozen=True)
class Part:
    """What a worker makes of a chunk.

    first: the number of the chunk's first frame
    frames: the encoded frames, in order; empty without a coding
    found: frame number -> Instances, of each frame that the network saw
    seconds: of the whole chunk, by stage: decode, network, follow, draw, encode
    """

    first: int
    frames: list[EncodedData]
    found: dict[int, Instances]
    seconds: dict[str, float]


class ChunkFailed(Exception):
    """A worker could not do a chunk. The text says why.

    attempts: for how many attempts this counts
    """

    def __init__(self, reason: str, attempts: int = 1):
        super().__init__(reason)
        self.attempts = attempts


# What comes back for a chunk. CannotCut: no worker can do it. SegmentationError and ChunkFailed: another attempt may.
Result = Union[Part, CannotCut, SegmentationError, ChunkFailed]


class AnyTask(Protocol):
    """A Task, or an object that stands for one. It is sent to each worker."""

    def do(self, chunk: Chunk, drawing: Drawing) -> Part:
        """The Part of a chunk, see Task."""
        ...


@dataclass(frozen=True)
class Task:
    """What a worker does: the network that it loads, and how many threads it may use.

    files: of the model
    threads: None: as many as there are cores
    """

    files: ModelFiles
    options: NetworkOptions = field(default_factory=NetworkOptions)
    threads: Optional[int] = None

    @cached_property
    def net(self) -> MaskRCNN:
        """The network, loaded once."""
        if self.threads:
            cv2.setNumThreads(self.threads)  # before loading, because the engines use this number of threads
        net = MaskRCNN.of_files(lambda: replace(self.files, demo_because=None), self.options)
        net.cost.quiet = True  # each worker would say it
        return net

    def do(self, chunk: Chunk, drawing: Drawing) -> Part:
        """The Part of a chunk.

        Raises CannotCut for a chunk that cannot be decoded, SegmentationError if the network fails.
        """
        annotate = Annotator(self.net.labels, self.net.colors, drawing.palette, drawing.style)
        encode = FrameEncoder(drawing.coding) if drawing.coding else None
        found: dict[int, Instances] = {}
        packets: list[av.Packet] = []
        run_network = timed(self.net)

        def find(frame: Frame) -> tuple[Instances, float]:
            found[frame.number], seconds = run_network(frame)
            return found[frame.number], seconds
        for item in look_at(decode(chunk, self.threads or 0), find, drawing.every, chunk.first, drawing.follow):
            if isinstance(item, StreamFrame):
                annotate.account(item)
            if encode and isinstance(item, Look):
                image, began = annotate(item), time.perf_counter()
                packets += encode(image, item.number, drawing.times[item.number - chunk.first])
                annotate.add_seconds("encode", time.perf_counter() - began)
        packets += encode.flush() if encode else []
        return Part(chunk.first, [EncodedData.of(packet) for packet in packets], found, dict(annotate.seconds))


def attempt(task: AnyTask, chunk: Chunk, drawing: Drawing) -> Result:
    """The Part of a chunk, or the error that the task raised, in a form that can be sent to another process."""
    try:
        return task.do(chunk, drawing)
    except (CannotCut, SegmentationError) as error:
        return error
    except MemoryError:
        return ChunkFailed("it ran out of memory")
    except Exception as error:  # the user reads it if the last attempt fails too
        return ChunkFailed(f"{type(error).__name__}: {error}")
