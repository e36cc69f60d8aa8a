"""Small guests, each named after the behaviour that it holds Stretto to."""
