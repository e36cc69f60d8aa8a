"""What Stretto costs."""
