"""The descriptions, one file a family. The annotations are Stretto's own language, not Python types."""
