"""Programs of 2018 to 2024 rewritten for today. Pure: texts in, texts and remarks out."""
