"""The frames of a video shared among several networks. Each line imports only from itself and from lines above it.

    packet_index   which packet of a video file holds which frame
    chunks         cuts a video into chunks, and decodes a chunk
    tasks          what a worker does with a chunk: Task, Drawing, Part
    ordering       gives chunks to workers and takes the results in order: the protocol Workers, in_order
    processes      workers on this machine; dask_cluster: workers on the machines of a Dask cluster
    merging        the stream of a video from what its workers made: Spread, SpreadVideo
"""
