"""Training: from annotated pictures to a frozen graph that both scripts run.

Each line imports only from itself and from lines above it.

    text_format, architectures              protobuf's text format; tables of the two networks
    text_graph_layers, text_graph           the text graph: what cv2.dnn builds a network from
    targets, classes, weights_file          training targets; the weights of each class; the frozen graph
    layers, selecting, losses, torch_model  the same networks in PyTorch: TorchMaskRCNN
    dataset, coco, samples, batches         annotated pictures, and what training sees of them
    pretrained                              a trunk that has seen photos
    options, checkpoint                     TrainOptions; Training: a run and how far it is
    start, feeding                          how a run starts, and what it is fed with
    evaluate, export                        COCO's AP of a graph; the files a run writes
    readme_pictures, photo_panel            pictures of what a graph finds
    plan, watch                             what a run says before it starts, and as it goes
    loop, train                             the loop; the command that trains

    scenes/                                 drawn pictures with exact masks
    example_files                           draws the example files, with scenes/

No other package imports this one.
"""
