"""Cases with a known truth: what they are made of, the recipes, the proof of the truth."""
