"""What the files of an upload have behind its id; see ``files.arriving``."""

NOTE, PARTS, WHOLE = ".info", ".parts", ".whole"
