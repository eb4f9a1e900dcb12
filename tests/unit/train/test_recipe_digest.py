from __future__ import annotations

from aimkit.recipe import load_recipe


def test_what_does_not_show_in_the_weights_does_not_show_in_the_digest() -> None:
    """Else a run could not go on with other workers, or after a look at its log."""
    digest = load_recipe("demo", kind="train").digest()
    for key in ("data.workers=3", "data.train.keep=0", "validation.data.keep=1", "log_every=7", "checkpoint_every=9"):
        assert load_recipe("demo", [key], kind="train").digest() == digest, key
    for key in ("data.train.reseed=false", "batch=2", "steps=7", "optim.lr=0.3"):
        assert load_recipe("demo", [key], kind="train").digest() != digest, key
