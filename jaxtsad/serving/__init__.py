"""A detector that watches over HTTP: rows in, alarms, figures and a live page out."""
