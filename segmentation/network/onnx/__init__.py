"""The frozen graph as an ONNX model, and the engines that run it.

    graph      translates the text graph, operation by operation, with layers and boxes
    engines    keeps the ONNX model in a file and runs it on ONNX Runtime or OpenVINO
"""
