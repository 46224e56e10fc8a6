"""mini's networks in PyTorch: `training` trains them and exports them to the graphs that `models` runs.

Needs the extra "torch".
"""
