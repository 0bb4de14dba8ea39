"""Two files in, results out. Never imports streamlit."""
