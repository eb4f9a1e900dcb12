"""Measuring mattes against the truth: metrics, averages, protocols, tables and reports."""
