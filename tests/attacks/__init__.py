"""The rooms of tests/attack.py, which attacks the two command lines. Each line imports only from lines above it.

    findings        what an attack may find, and the table at the end
    processes       a command in a process of its own, as users start it or, faster, forked
    whole           whether a file is whole: a picture, a video, rows, a report
    equal           whether two folders of results are equal
    material        the photos, the videos and the small network that the attacks use
    mutations       random changes of bytes and of JSON
    room            Room: the folder of one attack, its commands, its inputs, its findings
    photos, videos, models, notes, paths, options, disk, streams, together, kills
                    the attacks: ONCE, one for each defect that was found, and MANY, random ones

An attack is a function of a Room. It knows of the project only its command lines and the files that they read and
write, so that it can be turned on any version of it.
"""
