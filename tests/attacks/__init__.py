"""Vulnerable programs, exploits that work natively, and what Stretto makes of them."""
