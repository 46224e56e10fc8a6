"""memory: what was painted before, and what of it can be used again."""
