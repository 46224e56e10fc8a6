"""see: z = see(t). CLIP encoders that put texts and pictures into one space."""
