"""Quality and speed, measured: each prints one JSON object as its last line."""
