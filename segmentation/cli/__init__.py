"""The command lines. Each line imports only from itself and from lines above it.

    progress, stop     how far a run is; Ctrl-C and SIGTERM
    parser             a parser with short help and errors, and the groups of options
    options            options that both command lines have
    finding            which videos the names on the command line mean, and the names of their results
    run_paths          the paths that a run reads and those that it writes
    photo_options      the options of the photo command line
    video_options      the options of the video command line
    jobs               the videos of a run, done one after another
    video_run          one video: opened, drawn, written
    spreading          the workers of a run
    photos, videos     the two command lines; to_onnx: a third one

`start` is where the scripts and the installed commands begin: it runs `photos` or `videos`, which it imports last.

The scripts, the installed commands and segmentation.training import it.
"""
