"""Variants that have been taken over, and what they try against their agent, their ring and the monitor."""
