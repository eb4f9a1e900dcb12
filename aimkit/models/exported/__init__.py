"""What exported files hold besides the graph: facts of the network (``traits``), places of the weights (``onnx_data``)."""
