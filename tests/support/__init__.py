"""What the suites of real programs share: running, comparing, and looking for what was left behind."""
