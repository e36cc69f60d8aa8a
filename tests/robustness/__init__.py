"""Many runs in a row, and sudden ends: nothing may differ, nothing may stay."""
