"""Besides the graph of an exported file: the network's facts (``traits``), places of its weights (``onnx_data``)."""
