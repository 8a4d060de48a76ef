"""Shows a study in the browser while it goes on."""
