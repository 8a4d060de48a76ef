"""results/ → figures, text and the PDF report; nothing here reaches torch."""
