"""What every system call means, told once: typed signatures, compiled to the table of the core."""
