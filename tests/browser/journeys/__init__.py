"""What a visitor does from the first sight to the saved file, in every browser and state."""
