"""Attack the two command lines: broken files, odd options and names, full disks, signals and kills, at random.

    python tests/attack.py --minutes 5                       every attack that is known, then random ones
    python tests/attack.py --minutes 5 --project ../old      the same on another checkout
    python tests/attack.py --only paths --seed 7             one part, or one attack: paths.output_is_input
    python tests/attack.py --only photos.mutated --case 12   one run of it again; its files stay
    python tests/attack.py --kills 200                       kill -9 of video runs, each gone on with by --resume
    python tests/attack.py --photo-kills 200                 the same of photo runs, by --skip-existing

What is looked for is in attacks/findings.py. Each finding is printed with its command lines, and at the end a table.
The exit code is 1 if there was any. A seed gives the same attacks again, but a kill comes at another moment if the
machine is slower. It needs Linux; as root, disks are small ones that become full.
"""

import argparse
import importlib
import itertools
import multiprocessing
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

TESTS = Path(__file__).resolve().parent
PARTS = ("photos", "videos", "models", "notes", "paths", "options", "disk", "streams", "together", "kills")


def make_parser():
    """The parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="how long random attacks go on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides all that is random (default: %(default)s)")
    parser.add_argument("--project", type=Path, default=TESTS.parent, help="the checkout to attack (default: this one)")
    parser.add_argument("--only", metavar="PART", help=f"{', '.join(PARTS)}, or one attack: PART.NAME")
    parser.add_argument("--case", type=int, metavar="N", help="with --only PART.NAME: this run alone; its files stay")
    parser.add_argument("--workers", type=int, default=1, help="processes that attack at once (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=90, help="seconds a command may take (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill N video runs with two workers")
    parser.add_argument("--photo-kills", type=int, default=0, metavar="N", help="kill N photo runs")
    return parser


def attacks_of(part):
    """(the names of the attacks that are run once, those of the random ones)."""
    module = importlib.import_module(f"attacks.{part}")
    return tuple([f"{part}.{name_of(attack)}" for attack in attacks] for attacks in (module.ONCE, module.MANY))


def name_of(attack):
    """What an attack is called."""
    return getattr(attack, "__name__", None) or f"{attack.func.__name__}_with_workers"


def plan(args):
    """The (attack, number of its run) to run, in order: those that are known once, random ones for args.minutes."""
    if args.kills or args.photo_kills:
        yield from (("kills.video_with_workers", number) for number in range(args.kills))
        yield from (("kills.photos", number) for number in range(args.photo_kills))
        return
    if args.case is not None:
        yield args.only, args.case
        return
    chosen = [attacks_of(part) for part in PARTS if not args.only or args.only == part]
    once, many = (list(itertools.chain(*lists)) for lists in zip(*chosen)) if chosen else ([], [args.only])
    yield from ((name, -number) for number, name in enumerate(once))
    deadline = time.monotonic() + args.minutes * 60
    for number in itertools.count(1):
        for place, name in enumerate(many):
            if time.monotonic() > deadline:
                return
            yield name, number * len(many) + place
        if not many:
            return


# ---- One process that attacks ------------------------------------------------------------------------------

def set_up(project):
    """Import what the commands of that checkout need, so that forked ones have it."""
    os.environ["OPENCV_FOR_THREADS_NUM"] = "1"
    sys.path[:0] = [str(project), str(TESTS)]
    for module in ("photos", "videos"):
        importlib.import_module(f"segmentation.cli.{module}")


def attack(name, number, args, material, folder):
    """Run an attack; its findings. What goes wrong in the attack itself is one, too: it met what it did not expect."""
    from attacks.room import Room

    part, _, attack_name = name.partition(".")
    module = importlib.import_module(f"attacks.{part}")
    room = Room(name, number, args.seed, args.project, material, folder, args.patience)
    try:
        attack = next(attack for attack in [*module.ONCE, *module.MANY, getattr(module, attack_name, None)]
                      if attack and name_of(attack) == attack_name)
        attack(room)
    except Exception as error:
        if not material.exists():  # someone has tidied up
            raise
        room.find("lost", f"the attack ended by {type(error).__name__}: {error}")
    return room.close()


def work(args, material, folder, tasks, results):
    """A process that attacks: takes (name, number) and puts (name, number, findings) until None comes."""
    set_up(args.project)
    for place, (name, number) in enumerate(iter(tasks.get, None)):
        here = folder / f"room{place}"
        findings = attack(name, number, args, material, here)
        if not findings and args.case is None:
            shutil.rmtree(here, ignore_errors=True)
        results.put((name, number, findings))


# ---- All of them -------------------------------------------------------------------------------------------

def attack_all(args, folder):
    """Run the plan in so many processes until the time is over, or until Ctrl-C; prints what is found. A Table."""
    from attacks.findings import Table

    material, context, table = folder / "material", multiprocessing.get_context("spawn"), Table()
    subprocess.run([sys.executable, TESTS / "attacks/material.py", material], check=True)
    tasks, results = context.Queue(), context.Queue()
    processes = [context.Process(target=work, args=(args, material, folder / f"worker{number}", tasks, results))
                 for number in range(args.workers)]
    for process in processes:
        process.start()
    running, ahead = 0, plan(args)
    try:
        with tqdm(unit="run", total=args.kills + args.photo_kills or None) as bar:
            while True:
                while running < args.workers and (task := next(ahead, None)):
                    tasks.put(task)
                    running += 1
                if not running:
                    break
                name, number, findings = next_result(results, processes)
                running -= 1
                table.add(name, findings)
                report(args, name, number, findings)
                bar.update()
        for _ in processes:
            tasks.put(None)
    except KeyboardInterrupt:  # what was found so far is told
        for process in processes:
            process.kill()
    for process in processes:
        process.join()
    return table


def next_result(results, processes):
    """The next (name, number, findings). Raises SystemExit if a process has ended: the checkout cannot be imported."""
    while True:
        try:
            return results.get(timeout=5)
        except queue.Empty:
            if not all(process.is_alive() for process in processes):
                sys.exit("a process of the attack has ended, see above")


def report(args, name, number, findings):
    """Print what a run of an attack has found, its command lines, and how to run it again."""
    print(*(f"{finding.kind}: {name} {number}: {finding.text}" for finding in findings), sep="\n", end="")
    if findings:
        print(*(f"\n    {command[:1000]}" for command in max((finding.commands for finding in findings), key=len)))
        project = "" if args.project == TESTS.parent else f" --project {args.project}"
        print(f"  again: python tests/attack.py --seed {args.seed} --only {name} --case {number}{project}", flush=True)


def main(argv=None):
    """Attack; the exit code."""
    args = make_parser().parse_args(argv)
    args.project = args.project.resolve()
    # Forked commands end without taking back the semaphores that tqdm makes.
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning:multiprocessing.resource_tracker"
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    table = attack_all(args, folder)
    print("", *table.lines(), sep="\n")
    for attack_name in ("kills.video_with_workers", "kills.photos"):
        if (args.kills or args.photo_kills) and (runs := table.runs[attack_name]):
            broken = {run for run in table.broken if run[0] == attack_name}
            print(f"{attack_name}: {runs - len(broken)} of {runs} equal")
    if table.found:
        print(f"\nthe files of what was found are in {folder}")
    elif args.case is None:
        shutil.rmtree(folder)
    return 1 if table.found else 0


if __name__ == "__main__":
    sys.exit(main())
