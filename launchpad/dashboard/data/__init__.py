"""What the pages read, as plain values."""
