"""paint: I = paint(d, m). Denoisers, noise, schedules, samplers and the loop, in the language of (x, sigma, x0)."""
