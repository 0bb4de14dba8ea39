"""Files that mean harm, each made by a short script."""
