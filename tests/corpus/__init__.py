"""Command lines of real programs; the rows are data, in `rows/*.toml`."""
