"""From inputs to absolute places, the options that count, and the fingerprint on demand."""
