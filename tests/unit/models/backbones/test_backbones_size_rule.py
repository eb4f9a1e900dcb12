import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimkit.errors import AimkitError
from aimkit.models.backbones.size_rule import SizeRule

sides = st.integers(1, 60).map(lambda n: 32 * n)
rules = st.sampled_from(
    [SizeRule(), SizeRule(64, 64), SizeRule(32, 96), SizeRule(14, 14, (14, 16)), SizeRule(224, 224)]
)


@given(rules, sides, sides)
def test_padded_sizes_are_multiples_and_hold_the_image(rule: SizeRule, height: int, width: int) -> None:
    covered, seen = rule.scaled((height, width)), rule.padded((height, width))
    for part, whole in zip(covered, seen, strict=True):
        assert whole % rule.multiple == 0
        assert part <= whole
        assert whole >= rule.minimum
        assert whole < max(part, rule.minimum) + rule.multiple


@given(sides, sides)
def test_a_patch_of_14_gets_the_grid_of_a_patch_of_16_without_padding(height: int, width: int) -> None:
    rule = SizeRule.parse("14*14/16")
    assert rule.padded((height, width)) == (height // 16 * 14, width // 16 * 14)


@pytest.mark.parametrize("text", ["32", "32>=96", "14*14/16", "=224x160"])
def test_rules_are_read_as_they_are_written(text: str) -> None:
    assert str(SizeRule.parse(text)) == text


def test_a_wrong_rule_is_refused() -> None:
    with pytest.raises(AimkitError, match="size rule"):
        SizeRule.parse("about 32")
