"""What is in a dataset, and whether it is right: statistics, verification, contact sheets, cards, differences."""
