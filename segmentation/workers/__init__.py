"""The work shared: chunks cut a video, processes or dask_cluster do them, merging joins what they made."""
