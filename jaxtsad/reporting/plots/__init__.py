"""Pictures: matplotlib figures of series, scores and training, drawn as SVG."""
