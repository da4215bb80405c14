"""Detectors by the protocol of TSB-AD-M, on NAB and on UCR."""
