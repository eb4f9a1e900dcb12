"""Browsing data item by item: a written dataset, a folder of any layout, or a table. Nothing is changed."""
