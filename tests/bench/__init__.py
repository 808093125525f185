"""Figures, never a verdict on one machine alone: `python -m tests.bench [NAME …]`.

A benchmark says what it compares with, alternates the contestants and takes medians of its rounds.
"""
