"""Writes the champion of a study for other programs: as ONNX, as TorchScript, and with a model card."""
