# %% [markdown]
# # Swap backbones and train in plain PyTorch
#
# `create_model` puts a matting network on any backbone of timm; the training loop is yours.

# %%
import time

import torch
from torch.utils.data import DataLoader

import aimkit
from aimkit.train.losses import training_loss

STEPS, BATCH, SIZE = 6, 4, 96
BACKBONES = ["mobilenetv3_small_050", "resnet18", "tf_efficientnet_lite0"]

print(len(aimkit.list_backbones()), "backbones; those of MobileNetV3:", aimkit.list_backbones("mobilenetv3*")[:4])

# %% [markdown]
# A recipe as a torch dataset: composites are made while the network trains. A batch holds uint8 tensors; `to_device`
# converts them: colours to [0, 1], alpha and label to 0..255 as float32.

# %%
data = aimkit.data.dataset("quick", ["count=256"], transform={"transform": "fit", "size": SIZE})
batch = next(iter(DataLoader(data, BATCH)))
print({name: (tuple(value.shape), value.dtype) for name, value in batch.items()})


# %%
def train(backbone: str) -> list[float]:
    """Train from random weights, and return the loss of every step."""
    torch.manual_seed(0)
    network = aimkit.create_model("aimnet", backbone=backbone).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for _, raw in zip(range(STEPS), DataLoader(data, BATCH), strict=False):
        batch = aimkit.data.to_device(raw, "cpu")
        terms = training_loss(network, network(network.preprocess(batch["image"])), batch)
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        losses.append(terms["total"].item())
    return losses


for backbone in BACKBONES:
    begin = time.perf_counter()
    losses = train(backbone)
    print(f"{backbone}: loss {losses[0]:.2f} -> {losses[-1]:.2f}, {time.perf_counter() - begin:.1f} s")

# %% [markdown]
# Other networks are trained by the same lines: `create_model("gfm", ...)` or `create_model("p3mnet", ...)`;
# `training_loss` knows the terms of each. Released weights record their network, backbone and options, so their name is
# enough:

# %%
network = aimkit.create_model(weights="default")
print(type(network).__name__, network.build)
