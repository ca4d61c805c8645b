"""Empty, as it always was."""
