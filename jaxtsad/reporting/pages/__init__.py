"""Pages: whole HTML files from plots and tables."""
