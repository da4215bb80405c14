"""Alarms: how scores become few events, live and of whole series alike."""
