"""Frames in, frames out.

    container   opens a video file, a camera or a stream; what it says about rate and times
    source      reads a video: frames and sound
    looks       the stream of a video: each frame with the objects to draw on it
    annotate    draws the objects onto the frames
    sink        encodes the frames and writes a video
    resumable   an output video that can be resumed
"""
