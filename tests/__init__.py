"""Real programs, natively and under Stretto."""
