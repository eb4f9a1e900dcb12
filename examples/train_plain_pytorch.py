"""Train a network in a loop of your own: python examples/train_plain_pytorch.py --backbone resnet18 --steps 200"""

import argparse

import torch
from torch.utils.data import DataLoader

import aimkit
from aimkit.train.losses import training_loss

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="quick", help="a synth recipe, a written dataset, or photos with mattes")
parser.add_argument("--model", default="aimnet")
parser.add_argument("--backbone", default="mobilenetv3_small_050")
for option, value in {"--steps": 100, "--batch": 8, "--size": 256, "--workers": 2}.items():
    parser.add_argument(option, type=int, default=value)
parser.add_argument("--out", default="runs/plain")


def main(args: argparse.Namespace) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = aimkit.create_model(args.model, backbone=args.backbone).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    data = aimkit.data.dataset(args.data, transform={"transform": "fit", "size": args.size})
    loader = DataLoader(data, args.batch, shuffle=True, num_workers=args.workers, drop_last=True)
    for step in range(args.steps):
        if step % len(loader) == 0:
            data.set_epoch(step // len(loader))
            batches = iter(loader)
        batch = aimkit.data.to_device(next(batches), device)
        loss = training_loss(network, network(network.preprocess(batch["image"])), batch)
        optimizer.zero_grad()
        loss["total"].backward()
        optimizer.step()
        print(f"step {step + 1}: " + ", ".join(f"{name} {value:.3f}" for name, value in loss.items()))
    network.save_pretrained(args.out)  # aimkit predict PHOTO --weights runs/plain


if __name__ == "__main__":
    main(parser.parse_args())
