"""Inspecting datasets: statistics, verification, contact sheets, cards, differences."""
