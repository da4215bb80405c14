"""Tables, plots and HTML from numbers; sees no model."""
