"""The command line against bad input and hostile surroundings."""
