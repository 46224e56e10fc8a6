"""What to do with a picture that is there: edit, inpaint, outpaint, vary, instruct, describe. Each makes requests."""
