"""Frames in, frames out: source reads, annotate draws what is found, sink encodes, resumable keeps what is done."""
