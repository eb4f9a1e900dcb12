"""``from_pretrained``, ``save_pretrained`` and ``push_to_hub`` for networks that ``create_model`` has built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import PyTorchModelHubMixin, hf_hub_download, try_to_load_from_cache

import aimkit
from aimkit.errors import AimkitError
from aimkit.files import replacing, write_bytes
from aimkit.offline import check_reachable, hub
from aimkit.safetensors_file import write_tensors

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
#: Keywords of ``from_pretrained`` that say how to fetch, not what to build.
_FETCHING = ("revision", "token", "cache_dir", "local_files_only", "force_download")


class HubModel(PyTorchModelHubMixin, library_name="aimkit", pipeline_tag="image-segmentation", tags=["image-matting"]):
    """Networks on the Hugging Face hub: ``model.safetensors``, and ``config.json`` with the keywords that build them.

    Attributes:
        build: Keywords of ``create_model`` that built the network; None when it was built in another way.
    """

    build: dict[str, Any] | None = None

    def _save_pretrained(self, save_directory: Path) -> None:
        if self.build is None:
            what = f"this {type(self).__name__} does not know how it was built, so it could not be loaded again"
            raise AimkitError(what, str(save_directory), "build it with create_model and the name of a backbone")
        network: Any = self
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()}
        write_bytes(save_directory / CONFIG, config_text(self.build).encode())
        with replacing(save_directory / WEIGHTS) as temporary:
            write_tensors(weights, temporary, _metadata(self.build))

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name_or_path: str | Path, **keywords: Any
    ) -> Any:
        """Load a network of the hub, or of a folder.

        Args:
            pretrained_model_name_or_path: Name of a repository, ``ORG/NAME``, or a folder.
            keywords: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``,
                ``map_location``, and keywords of the network in place of those of ``config.json``.

        Raises:
            AimkitError: The repository can't be reached or is not of aimkit, or ``config.json`` says something that no
                file may say.
        """
        name = str(pretrained_model_name_or_path)
        own = {key: keywords.pop(key) for key in _FETCHING if key in keywords}
        hint = "give the folder of a downloaded repository, or create_model(..., weights=FILE)"
        if not Path(name).is_dir() and not own.get("local_files_only"):
            try:
                check_reachable(hub(), f"the network {name}", hint)
            except AimkitError:
                if not isinstance(try_to_load_from_cache(name, CONFIG, own.get("cache_dir")), str):
                    raise
                own["local_files_only"] = True
        try:
            # The base class mixes keys of config.json into the keywords, so the caller's travel apart.
            return super().from_pretrained(name, **own, given=keywords)
        except (OSError, ValueError) as error:
            reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
            raise AimkitError(f"can't load the network: {reason}", name, hint, exit_code=1) from None

    @classmethod
    def _from_pretrained(  # type: ignore[override]
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        given: dict[str, Any],
        config: dict[str, Any] | None = None,
        **model_kwargs: Any,
    ) -> Any:
        from aimkit.models.registry import create_model
        from aimkit.models.weights import declared

        told = declared.of_config((config or {}).get("network"), model_id)
        network = {"name": told.architecture, "backbone": told.backbone, **declared.checked(told)}
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
        given.pop("strict", None)  # of the base class; all tensors must fit
        map_location = given.pop("map_location", "cpu")
        model = create_model(**{**network, **given}, weights=file).to(map_location)
        if not isinstance(model, cls):
            raise AimkitError(f"this is a {type(model).__name__}, not a {cls.__name__}", model_id)
        return model.eval()


def _metadata(build: dict[str, Any]) -> dict[str, str]:
    """What the weights say of their network, so that ``create_model(weights=FOLDER)`` is enough."""
    from aimkit.models.weights import declared

    name, backbone = build["name"], build["backbone"]
    options = {key: value for key, value in build.items() if key not in ("name", "backbone")}
    told = {"architecture": name, "backbone": backbone}
    told["options"] = json.dumps(declared.stored(name, backbone, options), sort_keys=True)
    return {"format": "aimkit", "aimkit": aimkit.__version__, **told}


def config_text(build: dict[str, Any]) -> str:
    """Text of ``config.json`` for a network."""
    return json.dumps({"network": build}, indent=1, sort_keys=True) + "\n"
