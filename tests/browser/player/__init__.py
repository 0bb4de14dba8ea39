"""The players in a browser: what is seen and heard, and when."""
