"""Scenes of several things: what is asked for, where each goes, and how they are cut out and laid together."""
