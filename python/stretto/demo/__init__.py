"""A small service with a real memory error, and an exploit for it."""
