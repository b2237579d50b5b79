"""The frozen graph as an ONNX model, and the engines that run it: graph, layers and boxes make it, engines runs it."""
