"""Export of metrics as ONNX bundles."""
