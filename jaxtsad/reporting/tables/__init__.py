"""Tables: rows of a report in every format they are written in."""
