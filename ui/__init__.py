"""What a person sees. Calls ``store`` and ``pipeline``; holds no logic of theirs."""
