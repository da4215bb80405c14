"""Names that studies still write through."""

from __future__ import annotations

from jaxtsad import files
from jaxtsad.reporting import run_directory, training_log

METRICS = training_log.METRICS
MetricsLog = training_log.MetricsLog
Scored = run_directory.Scored
read_scores = run_directory.read_scores
write_scores = run_directory.write_scores
atomically = files.write
write_text = files.write_text
write_json = files.write_json
write_arrays = files.write_arrays
