"""Checking data before training on it: ``aimkit lint FOLDER|RECIPE|DATASET``.

One file for each check in :mod:`aimkit.lint.checks`; :mod:`aimkit.lint.collect` finds what there is to check,
:mod:`aimkit.lint.run` decodes each picture once and gives it to all of them, :mod:`aimkit.lint.report` tells the
findings, and :mod:`aimkit.lint.fix` writes a corrected copy.
"""
