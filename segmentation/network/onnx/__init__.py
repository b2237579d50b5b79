"""The frozen graph as an ONNX model, and the engines that run it.

    graph      translates the text graph, operation by operation, with layers and boxes
    kept       keeps the ONNX model in a file beside the weights
    engines    runs it on ONNX Runtime or OpenVINO
"""
