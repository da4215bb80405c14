"""Files and tables of one's own to `Series`: reading, screening, labeled spans."""
