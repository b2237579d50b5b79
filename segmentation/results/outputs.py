"""All that a run writes beside its annotated pictures: rows, cut-outs, maps of instances, a report."""

from itertools import chain, count
from pathlib import Path

from segmentation.files import make_folder
from segmentation.pictures import write_picture
from segmentation.results.cutouts import cut_out, instance_map, object_mask, safe_name
from segmentation.results.report import Report
from segmentation.results.rows import Csv, JsonDataset, JsonLines, JsonList, RowFile, describe
from segmentation.results.timeline import Timeline
from segmentation.terminal import warn
from segmentation.tracking.instance_ids import class_colors
from segmentation.tracking.tracker import Tracker

HIDING = ("blur", "pixelate")  # the effects that are for what nobody is to see


class Results:
    """The files and folders that the options of a run ask for; without one of them it does nothing.

        with PhotoResults(args, net.labels) as results:
            results.add(seen, annotated, colors)

    The rows appear under their names when the block ends; where it ends with an error, or `complete` was set to
    False, they stay under their partial ones.

    rows: the formats of --json and --csv; of an earlier run's rows those for frames before `resume_before` stay
    """

    def __init__(self, args, labels, json_format, csv_format, resume_before=0):
        self.args, self.labels, self.complete = args, labels, True
        self.paste = {"threshold": args.threshold, "interpolation": args.interpolation}
        for folder in (args.cutouts, args.masks):
            if folder:
                make_folder(folder)
        wanted = ((args.json, JsonLines() if args.json and args.json.suffix == ".jsonl" else json_format),
                  (args.csv, csv_format))
        self.rows = [RowFile(path, row_format, resume_before) for path, row_format in wanted if path]

    def add(self, seen, name):
        """Write what was Seen in a picture; files of its own are named after `name`."""
        rows = describe(seen, self.labels, **self.paste) if self.rows else []
        for file in self.rows:
            file.add(rows)
        if self.args.masks:
            write_picture(self.args.masks / f"{name}_instances.png", instance_map(seen.found, **self.paste))
        for i in range(len(seen.found)):
            self.add_object(seen, i, f"{name}_{i + 1:02}_{safe_name(self.labels[seen.found.class_ids[i]])}")

    def add_object(self, seen, i, name):
        """Write the pictures of object i."""
        if self.args.cutouts:
            write_picture(self.args.cutouts / f"{name}.png", cut_out(seen.image, seen.found, i, **self.paste))
        if self.args.each_mask:
            write_picture(self.args.masks / f"{name}_mask.png", object_mask(seen.found, i, **self.paste))

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        for file in self.rows:
            if kind is None and self.complete:
                file.finish()
            else:
                file.stop()
                warn(f"[INFO] the rows so far are kept in {file.partial}")


class PhotoResults(Results):
    """Results of photos: COCO's data set, with the pictures in it, and --report."""

    def __init__(self, args, labels):
        self.dataset, self.names = JsonDataset(labels), set()
        super().__init__(args, labels, self.dataset, Csv(video=False))
        self.report = Report(args.report, "Segmented photos") if args.report else None

    def add(self, seen, annotated, colors):
        """Write what was Seen in a photo; annotated: the photo drawn on; colors: a (B, G, R) for each object."""
        height, width = seen.found.image_hw
        if self.args.json:
            self.dataset.images.append({"id": seen.image_id, "file_name": seen.file, "width": width, "height": height})
        super().add(seen, self.name(seen))
        if self.report:
            # The page draws the masks itself; but what is to be hidden must not be in it.
            image = annotated if self.args.effect in HIDING else seen.image
            self.report.add(seen.file, image, seen.found, self.labels, colors, **self.paste)

    def name(self, seen):
        """What a photo's files are named after: its own name, numbered where another photo had it."""
        stem = "stdin" if seen.file == "-" else Path(seen.file).stem
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        name = next(name for name in names if name.lower() not in self.names)  # some systems ignore case
        self.names.add(name.lower())
        return name

    def add_failure(self, photo, error):
        """Note a photo that failed."""
        if self.report:
            self.report.add_failure(str(photo), str(error))

    def __enter__(self):
        if self.report:
            self.report.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        if self.report:
            self.report.__exit__(*error)


class VideoResults(Results):
    """Results of a video's frames, from the point on at which a PartialVideo goes on; --track and --timeline.

    tracker: numbers the objects, None without --track
    """

    def __init__(self, args, labels, rate, video):
        # First what may lack a package, so that no file is begun in vain.
        state = video.state or {}
        self.tracker = Tracker(float(rate) / args.every, state.get("ids")) if args.track else None
        self.timeline = Timeline(state.get("timeline")) if args.timeline else None
        super().__init__(args, labels, JsonList(), Csv(video=True, tracked=args.track), video.done)

    def add(self, seen):
        super().add(seen, f"frame_{seen.image_id:06}")
        if self.timeline:
            self.timeline.add(seen.time, [self.labels[class_id] for class_id in seen.found.class_ids])

    def state(self):
        """What going on with them needs besides their partial files, as plain values."""
        return {"timeline": self.timeline.state()} if self.timeline else {}

    def __exit__(self, kind, *error):
        super().__exit__(kind, *error)
        if self.timeline and kind is None:
            self.timeline.write(self.args.timeline, dict(zip(self.labels, class_colors(len(self.labels)))))


def check_results(args):
    """Raise ValueError where options about results contradict each other."""
    for name, suffixes in (("json", (".json", ".jsonl")), ("csv", (".csv",)), ("report", (".html", ".htm")),
                           ("timeline", (".png",))):
        path = getattr(args, name, None)
        if path and path.suffix.lower() not in suffixes:
            raise ValueError(f"--{name} must end in {' or '.join(suffixes)}, got {path}")
    if args.each_mask and not args.masks:
        raise ValueError("--each-mask needs --masks, the folder to write to")
    if args.effect in HIDING and (args.cutouts or getattr(args, "visualize", False)):
        raise ValueError(f"--effect {args.effect} hides what --cutouts and --visualize show: leave one of them out")


def add_result_options(parser, of_what):
    """Add the options that name files for other programs; the group, for more of the kind."""
    group = parser.add_argument_group("results for other programs")
    group.add_argument("--json", type=Path, metavar="FILE",
                       help=f"the objects of all {of_what} in COCO's format; .jsonl: one a line")
    group.add_argument("--csv", type=Path, metavar="FILE", help="the objects as a table")
    group.add_argument("--cutouts", type=Path, metavar="DIR",
                       help="each object as a PNG, cut out along its mask, transparent around it")
    group.add_argument("--masks", type=Path, metavar="DIR",
                       help="a 16-bit PNG for each picture: 0 is background, N the Nth object")
    group.add_argument("--each-mask", action="store_true", help="an 8-bit PNG for each object too, in --masks")
    return group
