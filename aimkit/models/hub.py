"""``from_pretrained``, ``save_pretrained`` and ``push_to_hub`` for networks that ``create_model`` has built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, hf_hub_download

import aimkit
from aimkit.errors import AimkitError

WEIGHTS = "model.safetensors"
CONFIG = "config.json"


class HubModel(PyTorchModelHubMixin, library_name="aimkit", pipeline_tag="image-segmentation", tags=["image-matting"]):
    """Networks on the Hugging Face hub: ``model.safetensors``, and ``config.json`` with the keywords that build them.

    Attributes:
        build: Keywords of ``create_model`` that built the network; None when it was built in another way.
    """

    build: dict[str, Any] | None = None

    def _save_pretrained(self, save_directory: Path) -> None:
        from safetensors.torch import save_file

        if self.build is None:
            what = f"this {type(self).__name__} does not know how it was built, so it could not be loaded again"
            raise AimkitError(what, str(save_directory), "build it with create_model and the name of a backbone")
        network: Any = self
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
        (save_directory / CONFIG).write_text(config_text(self.build), encoding="utf-8")
        save_file(weights, save_directory / WEIGHTS, {"format": "aimkit", "aimkit": aimkit.__version__})

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        strict: bool = True,
        config: dict[str, Any] | None = None,
        **model_kwargs: Any,
    ) -> Any:
        from aimkit.models.registry import create_model

        network = (config or {}).get("network")
        if not isinstance(network, dict) or "name" not in network:
            raise AimkitError(f"{CONFIG} does not name the network", model_id, "was it saved by aimkit?")
        if Path(model_id).is_dir():
            file = Path(model_id) / WEIGHTS
        else:
            file = Path(
                hf_hub_download(
                    model_id,
                    WEIGHTS,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    token=token,
                    local_files_only=local_files_only,
                )
            )
        model_kwargs.pop("network", None)
        model = create_model(**{**network, **model_kwargs}, weights=file).to(map_location)
        if not isinstance(model, cls):
            raise AimkitError(f"this is a {type(model).__name__}, not a {cls.__name__}", model_id)
        return model.eval()


def config_text(build: dict[str, Any]) -> str:
    """Text of ``config.json`` for a network."""
    return json.dumps({"network": build}, indent=1, sort_keys=True) + "\n"
