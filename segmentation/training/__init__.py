"""Training: a network of one's own, from annotated pictures to a frozen graph that both scripts run.

    architectures    tables of the layers           -> text_graph, text_format: what cv2.dnn builds from
    layers, selecting, model    the same in PyTorch; targets, losses: what it should say, and how far off it is
    dataset          annotated pictures as batches  -> train: the command; evaluate: COCO's AP of a graph
    classes, pretrained, frozen_graph    what the graph's file holds, and where a trunk comes from
    scenes/          drawn pictures with exact masks; example_files, readme_pictures, photo_panel: pictures to show

Nothing outside this package imports it.
"""
