"""What every system call means, told once: typed signatures, compiled to the table that the core interprets."""
