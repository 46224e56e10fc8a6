"""Models of the field, opened with diffusers, as Denoisers of ours. Needs the extra "torch"."""
