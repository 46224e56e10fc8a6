"""tell: d = tell(t, z, m). Language models that write the one description a picture is painted from."""
