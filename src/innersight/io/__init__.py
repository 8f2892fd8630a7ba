"""Files: images to sRGB arrays, and tables as .csv, .jsonl and .parquet."""
