from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from aimkit.train.setup import average_weights


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_of_few_steps_forgets_the_first_weights(decay: float) -> None:
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = AveragedModel(network, multi_avg_fn=partial(average_weights, decay), use_buffers=True)
    wanted = None
    for step in range(300):
        network[0].weight.data.fill_(100.0 if step == 0 else 1.0 + step / 300)
        average.update_parameters(network)
        value = network[0].weight.item()
        # By hand: the first update copies, the n-th after it keeps min(decay, (1 + n) / (10 + n)).
        share = min(decay, (1 + step) / (10 + step))
        wanted = value if wanted is None else share * wanted + (1 - share) * value
    assert average.module[0].weight.item() == pytest.approx(wanted, rel=1e-5)
    assert average.module[0].weight.item() < 2.0
    assert torch.equal(average.module[1].running_mean, network[1].running_mean)
