"""Model folders: finding, verifying and opening them, and the engine that runs their graphs."""
