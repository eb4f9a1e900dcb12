"""Models with skeletons and textures of their own: where bones put them, and which pictures they wear."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimkit.errors import AimkitError
from aimkit.imageio import decode
from aimkit.imageio.write import encode_png
from aimkit.recipe import parse
from aimkit.render.blender import find_blender
from aimkit.render.models import find_models
from aimkit.render.recipe import RenderRecipe
from aimkit.render.run import RenderOutcome, render
from aimkit.render.shots import plan
from aimkit.skips import Skips

pytestmark = pytest.mark.slow

SIDE, LENGTH, WIDTH, ALPHA = 96, 2.0, 0.5, 0.4
#: Degrees at the first frame, and more of them at the last.
START, TURN = 30, 90

#: A bar on the bone "arm", and animations in which the arm turns evenly, or another bone does.
MAKE = f"""
import bpy, math, os, sys
from mathutils import Quaternion
folder = sys.argv[-1]

def skeleton(names):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    data = bpy.data.armatures.new("skeleton")
    body = bpy.data.objects.new("skeleton", data)
    bpy.context.scene.collection.objects.link(body)
    bpy.context.view_layer.objects.active = body
    bpy.ops.object.mode_set(mode="EDIT")
    for name in names:
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = (0, 0, 0), ({LENGTH} if name == "arm" else 0.1, 0, 0.0 if name == "arm" else 0.1)
        if name != "root":
            bone.parent = data.edit_bones["root"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return body

def save(path, **keys):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bpy.ops.export_scene.fbx(filepath=path, add_leaf_bones=False, path_mode="STRIP", **keys)

body = skeleton(["root", "arm", "finger"])
mesh = bpy.data.meshes.new("bar")
half = {WIDTH} / 2
mesh.from_pydata([(0, -half, 0), ({LENGTH}, -half, 0), ({LENGTH}, half, 0), (0, half, 0)], [], [(0, 1, 2, 3)])
mesh.uv_layers.new(name="uv")
bar = bpy.data.objects.new("bar", mesh)
bpy.context.scene.collection.objects.link(bar)
bar.parent = body
bar.vertex_groups.new(name="arm").add([0, 1, 2, 3], 1.0, "REPLACE")
bar.modifiers.new("rig", "ARMATURE").object = body
image = bpy.data.images.new("bar_opacity_color.tga", 8, 8, alpha=True)
image.pixels = [0.5, 0.2, 0.05, {ALPHA}] * 64
os.makedirs(folder + "/ann/Textures")
image.filepath_raw, image.file_format = folder + "/ann/Textures/bar_opacity_color.tga", "TARGA_RAW"
image.save()
material = bpy.data.materials.new("bar")
material.use_nodes = True
node = material.node_tree.nodes.new("ShaderNodeTexImage")
node.image = bpy.data.images.load(image.filepath_raw)
surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
material.node_tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
mesh.materials.append(material)
save(folder + "/ann/Export/ann.fbx", bake_anim=False)

for name, moved in (("turn", "arm"), ("other", "tail")):
    body = skeleton(["root", moved])
    bone = body.pose.bones[moved]
    bone.rotation_mode = "QUATERNION"
    rest = bone.bone.matrix_local.to_3x3()
    for frame in range(11):
        turn = Quaternion((0, 0, 1), math.radians({START} + {TURN} * frame / 10)).to_matrix()
        bone.rotation_quaternion = (rest.inverted() @ turn @ rest).to_quaternion()
        bone.keyframe_insert("rotation_quaternion", frame=frame)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 0, 10
    keys = {{"bake_anim_use_nla_strips": False, "bake_anim_use_all_actions": False}}
    save(folder + f"/poses/{{name}}.fbx", bake_anim=True, bake_anim_simplify_factor=0, **keys)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rigged model whose texture lies in another folder than its file says, and poses."""
    try:
        command = find_blender()
    except AimkitError as error:
        pytest.skip(f"{error.what}: {error.hint}")
    made = tmp_path_factory.mktemp("rigged")
    (made / "make.py").write_text(MAKE)
    own = [*command[:-1], str(made / "make.py"), *(["--"] if "--background" in command else []), str(made)]
    subprocess.run(own, check=True, timeout=600, capture_output=True)
    return made


def posed(folder: Path, out: Path, poses: str, **keys: Any) -> RenderOutcome:
    data = {
        "models": [{"path": str(folder / "ann"), "name": "ann", "poses": poses and str(folder / "poses" / poses)}],
        "size": SIDE,
        "samples": 8,
        "matte_samples": 256,
        "views": 4,
        "camera": {"elevation": 90, "azimuth": -90, "roll": 0, "share": 0.8, "focal": [50], "min_aspect": 0},
        "looks": [{"look": "imported", "glass": False}],
        **keys,
    }
    recipe = parse(RenderRecipe, data, "test")
    shots = plan(recipe, find_models(recipe.models, Skips("model")))
    return render(recipe, shots, out, find_blender(), timeout=3600)


def alpha_of(picture: Path) -> np.ndarray:
    return decode(picture.read_bytes()).pixels[..., 3].astype(np.float64) / 65535


def direction(alpha: np.ndarray) -> float:
    """Degrees in [0, 180) of the longest axis, counterclockwise from the right."""
    y, x = np.mgrid[: alpha.shape[0], : alpha.shape[1]]
    x, y = x - np.average(x, weights=alpha), np.average(y, weights=alpha) - y
    moments = [(alpha * a * b).sum() for a, b in ((x, x), (y, y), (x, y))]
    return math.degrees(0.5 * math.atan2(2 * moments[2], moments[0] - moments[1])) % 180


def test_a_bar_lies_where_its_bone_is_turned_at_the_drawn_moment(folder: Path, tmp_path: Path) -> None:
    assert posed(folder, tmp_path, "turn.fbx").skips.rows == []
    pictures = sorted(tmp_path.rglob("*.png"))
    frames = []
    for picture in pictures:
        pose = json.loads(picture.with_suffix(".json").read_text())["pose"]
        assert pose["name"] == "turn.fbx"
        # Blender counts the frames of FBX files from 1.
        alpha, turned = alpha_of(picture), START + TURN * (pose["frame"] - 1) / 10
        assert abs((direction(alpha) - turned + 90) % 180 - 90) < 1
        # It keeps its size: the longer side of the picture holds the turned bar's box.
        t = math.radians(turned)
        box = max(LENGTH * abs(f(t)) + WIDTH * abs(g(t)) for f, g in ((math.cos, math.sin), (math.sin, math.cos)))
        assert alpha.sum() == pytest.approx(ALPHA * LENGTH * WIDTH * (0.8 * SIDE / box) ** 2, rel=0.03)
        frames.append(pose["frame"])
    assert len(set(frames)) > 1


def test_a_texture_beside_the_folder_gives_hair_its_alpha(folder: Path, tmp_path: Path) -> None:
    assert posed(folder, tmp_path, "", views=1).skips.rows == []
    picture = next(tmp_path.rglob("*.png"))
    sidecar = json.loads(picture.with_suffix(".json").read_text())
    assert sidecar["missing_textures"] == []
    assert "pose" not in sidecar
    alpha = alpha_of(picture)
    inside = alpha[alpha.shape[0] // 2 - 3 : alpha.shape[0] // 2 + 3, SIDE // 2 - 20 : SIDE // 2 + 20]
    assert np.abs(inside - ALPHA).max() < 0.01


def test_a_pose_of_other_bones_is_an_error_of_its_pictures(folder: Path, tmp_path: Path) -> None:
    outcome = posed(folder, tmp_path, "other.fbx", views=1)
    assert outcome.made == 0
    assert "the pose moves nothing" in dict(outcome.skips.rows)["ann/Export/ann-00"]


def test_an_object_without_materials_has_the_only_picture_beside_it_and_stands_on_its_axis(tmp_path: Path) -> None:
    try:
        command = find_blender()
    except AimkitError as error:
        pytest.skip(f"{error.what}: {error.hint}")
    lines = ["mtllib lost.mtl", "v -1 0 0", "v 1 0 0", "v 1 0 1", "v -1 0 1", "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    (tmp_path / "m.obj").write_text("\n".join([*lines, "usemtl lost", "f 1/1 2/2 3/3 4/4", ""]))
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4, :, 2] = picture[4:, :, 0] = 255
    (tmp_path / "texture.png").write_bytes(encode_png(picture))
    front = {"elevation": 0, "azimuth": -90, "roll": 0, "focal": [50]}
    table = {"path": str(tmp_path / "m.obj"), "up": "z"}
    recipe = parse(RenderRecipe, {"models": [table], "views": 1, "size": 48, "samples": 16, "camera": front}, "test")
    assert render(recipe, plan(recipe, find_models(recipe.models, Skips("m"))), tmp_path / "out", command).made == 1
    shown = decode(next((tmp_path / "out").rglob("*.png")).read_bytes()).pixels.astype(float)
    assert shown.shape[:2] == (24, 48), "the square stands: it is twice as wide as high"
    assert shown[6, 24, 2] > 2 * shown[6, 24, 0]
    assert shown[18, 24, 0] > 2 * shown[18, 24, 2]
