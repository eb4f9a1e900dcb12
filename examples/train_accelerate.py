"""Train on any number of devices: accelerate launch examples/train_accelerate.py --steps 200"""

import argparse
from itertools import count

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

import aimkit
from aimkit.train.losses import training_loss

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="quick", help="a synth recipe, a written dataset, or photos with mattes")
parser.add_argument("--model", default="aimnet")
parser.add_argument("--backbone", default="mobilenetv3_small_050")
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--batch", type=int, default=8, help="for each process")
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--out", default="runs/accelerate")


def main(args: argparse.Namespace) -> None:
    accelerator = Accelerator()
    network = aimkit.create_model(args.model, backbone=args.backbone).train()
    data = aimkit.data.dataset(args.data, transform={"transform": "fit", "size": args.size})
    model, optimizer, loader = accelerator.prepare(
        network,
        torch.optim.AdamW(network.parameters(), lr=1e-3),
        DataLoader(data, args.batch, shuffle=True, num_workers=args.workers, drop_last=True),
    )
    step = 0
    for epoch in count():
        data.set_epoch(epoch)
        for raw in loader:
            if step == args.steps:
                break
            batch = aimkit.data.to_device(raw, accelerator.device)
            with accelerator.autocast():
                output = model(network.preprocess(batch["image"]))
            # The bare network knows its loss terms; the wrapped one does not.
            loss = training_loss(accelerator.unwrap_model(model), output, batch)["total"]
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            accelerator.print(f"step {step}: {loss:.3f}")
        if step == args.steps:
            break
    if accelerator.is_main_process:
        accelerator.unwrap_model(model).save_pretrained(args.out)  # aimkit predict PHOTO --weights runs/accelerate
    accelerator.end_training()


if __name__ == "__main__":
    main(parser.parse_args())
