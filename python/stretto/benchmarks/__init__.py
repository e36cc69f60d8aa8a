"""What Stretto costs, measured against the same work without it, in one run."""
