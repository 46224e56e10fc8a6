"""How mini was made: one module a stage, `python -m training.STAGE`. Needs PyTorch; never imported by flashpaint."""
