"""One short function a family: how its config describes the whole model, and its MoE layer by itself."""
