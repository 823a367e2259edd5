"""Parts of the command that are more than a few lines, one module a subject."""
