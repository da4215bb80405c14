"""Published files to `Series` and `Samples`; generators, preprocessing, downloads."""
