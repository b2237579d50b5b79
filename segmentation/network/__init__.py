"""A model on disk to Instances in a picture.

    weights -> model: files found or fetched, and checked against each other; frozen_graph, text_graph: what is in them
    engines -> opencv_engine, onnx/: what runs it       mask_rcnn: a picture in, Instances out
    resizing, selection: what the network sees of a picture, and which detections count
"""
