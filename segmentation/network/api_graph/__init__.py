"""What a frozen Mask R-CNN of TensorFlow's Object Detection API says of itself: its text graph is built from it.

graph_def.py    reads TensorFlow's nodes
layers.py       translates layers, whatever the trunk is
whole.py        builds the text graph: trunk, proposals, box head, mask head
kinds.py        names what is no such graph
"""
