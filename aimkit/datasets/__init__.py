"""Datasets on disk: published sets, scans of folders, pairs, readers, writers and their inspection."""
