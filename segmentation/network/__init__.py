"""From a model on disk to Instances in an image.

    attempts       remembers downloads that failed; made: what results say of the network
    weights        finds or downloads the files of a model -> model: reads them and checks that they fit each other
    frozen_graph   reads the constants of a .pb; text_graph: reads and changes a .pbtxt
    engines        chooses what runs the model -> opencv_engine, onnx/
    options        what a user can choose; resizing: the size of the input; selection: which detections are wanted
    mask_rcnn      puts it together: takes an image, gives Instances
"""
