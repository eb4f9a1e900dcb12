"""Runs inside Blender: renders one job after another, as they come on standard input, and answers on standard output.

This file is the only one that Blender's Python reads, so it imports nothing of the package. A job is a line of JSON
(see ``job_of`` in ``shots.py``), an answer is a line of JSON behind :data:`ANSWER`. Pictures go to EXR files, in linear
light and with associated alpha; everything after that is done outside.

Every picture is rendered twice. The colours need few samples, because the denoiser smooths them. The matte needs many,
because nothing may smooth it: there all surfaces shine alike, so that a path ends where it began, and adaptive sampling
leaves the inside of the thing after a few samples. Glass keeps its material in a white world, since its alpha is what
it reflects.
"""

from __future__ import annotations

import json
import math
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

#: What an answer begins with; Blender itself writes to the same stream.
ANSWER = "@aimkit "

#: Resolution of a shadow by that of its picture: shadows are soft. Its frame is larger by half of the longer side of
#: the picture, on all sides.
SHADOW_SCALE = 0.5

#: Vertices that framing looks at.
_MOST = 40_000


def main() -> None:
    """Answer jobs until standard input ends."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    say({"ready": versions()})
    for line in sys.stdin:
        if not line.strip():
            continue
        began = time.process_time()
        try:
            answer = render(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:400]}"}
        say({**answer, "cpu_seconds": round(time.process_time() - began, 2)})


def end_with_parent() -> None:
    """End at once when the process that asks is gone: nobody else would end a render that hangs."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(1)


def say(answer: dict[str, Any]) -> None:
    """Write an answer on a line of its own."""
    sys.stdout.write(f"\n{ANSWER}{json.dumps(answer)}\n")
    sys.stdout.flush()


def versions() -> dict[str, str]:
    """What decides the pixels besides the job."""
    import bpy

    return {"blender": bpy.app.version_string, "build": bpy.app.build_hash.decode("ascii", "replace")}


def render(job: dict[str, Any]) -> dict[str, Any]:
    """Render the picture of a job and say how it was taken."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    load(job["model"], job.get("up", "y"))
    posed = pose(job["pose"]) if job.get("pose") else {}
    meshes = [thing for thing in scene.objects if thing.type == "MESH" and not thing.hide_render]
    if not meshes:
        raise ValueError("the model has no mesh")
    missing = forget_missing(os.path.dirname(job["model"]))
    if job["model"].lower().endswith(".obj"):
        wear_lone_picture(meshes, os.path.dirname(job["model"]))
    points = corners(meshes)
    glass = dress(meshes, job["look"])
    if job["look"]["look"] == "fur":
        points = grow(meshes, points, job["look"], job["seed"])
    view, size = aim(scene, points, job["camera"], job["size"])
    gain = light(scene, job["light"], points, job["camera"]["views"][view]["azimuth"])
    if job["camera"].get("motion"):
        move(scene, points, job["camera"]["motion"])
    settle(scene, job, size)
    shoot(scene, job["out"] + ".color.exr", job["samples"], denoise=job["denoise"])
    passes = job.get("passes", ())
    if "shadow" in passes and above(scene, points):
        undo = shadow(scene, points, glass)
        # All of its frame is floor, which costs more than the thing; half of the samples do for what is that soft.
        shoot(scene, job["out"] + ".shadow.exr", max(8, job["samples"] // 2), denoise=True)
        undo()
    matte(scene, glass)
    shoot(scene, job["out"] + ".matte.exr", job["matte_samples"], denoise=False)
    for name in [name for name in passes if name != "shadow"]:
        paint(scene, name)
        shoot(scene, f"{job['out']}.{name}.exr", 16, denoise=False)
    facts = {"view": view, "size": size, "gain": gain, "glass": bool(glass), "vertices": len(points)}
    return {**facts, "missing": missing, **posed}


def load(path: str, up: str = "y") -> None:
    """Import a model and remove what is not part of it; ``up`` is the axis of OBJ files that points up."""
    import bpy

    suffix = path.rsplit(".", 1)[-1].lower()
    if suffix == "obj":
        ahead = "NEGATIVE_Z" if up == "y" else "Y"
        bpy.ops.wm.obj_import(filepath=path, forward_axis=ahead, up_axis=up.upper())
    elif suffix in ("glb", "gltf"):
        bpy.ops.import_scene.gltf(filepath=path)
    elif suffix == "fbx":
        bpy.ops.import_scene.fbx(filepath=path, use_custom_props=False)
    elif suffix in ("usd", "usda", "usdc", "usdz"):
        bpy.ops.wm.usd_import(filepath=path)
    elif suffix == "ply":
        bpy.ops.wm.ply_import(filepath=path)
    elif suffix == "stl":
        bpy.ops.wm.stl_import(filepath=path)
    else:
        raise ValueError(f"no importer for .{suffix}")
    for thing in list(bpy.data.objects):
        if thing.type in ("LIGHT", "CAMERA"):
            bpy.data.objects.remove(thing)


def forget_missing(folder: str) -> list[str]:
    """Find textures near the model whose paths are wrong, and unlink those that are missing, shown in magenta.

    Returns:
        The names of those that are missing.
    """
    import bpy

    near = _files_near(folder)
    for image in bpy.data.images:
        name = _file_name(image)
        # The size is read from the file; it is 0 when there is none.
        if image.source == "FILE" and not image.size[0] and name.lower() in near:
            image.filepath = near[name.lower()]
            image.reload()
    names = []
    for material in bpy.data.materials:
        nodes = material.node_tree.nodes if material.node_tree else ()
        for node in [node for node in nodes if node.type == "TEX_IMAGE"]:
            if node.image is None or not node.image.size[0]:
                names.append(_file_name(node.image) if node.image else node.name)
                material.node_tree.nodes.remove(node)
        if material.node_tree:
            _see_through(material)
    return sorted(set(names))


def wear_lone_picture(meshes: list[Any], folder: str) -> None:
    """Texture an OBJ without materials with the only picture next to it, which is how scans are often distributed."""
    import bpy

    names = _listed(folder)
    pictures = [name for name in names if name.lower().endswith((".png", ".jpg", ".jpeg", ".tga", ".bmp"))]
    if len(pictures) != 1 or any(name.lower().endswith(".mtl") for name in names):
        return
    material = bpy.data.materials.new("picture")
    material.use_nodes = True
    tree = material.node_tree
    texture, surface = tree.nodes.new("ShaderNodeTexImage"), _surface(material)
    texture.image = bpy.data.images.load(os.path.join(folder, pictures[0]))
    tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    for thing in meshes:
        if thing.data.uv_layers:
            thing.data.materials.clear()
            thing.data.materials.append(material)


def _file_name(image: Any) -> str:
    """A texture's file without its folder; models name files of other systems."""
    return os.path.basename(image.filepath.replace("\\", "/"))


def _files_near(folder: str) -> dict[str, str]:
    """Files beside the model, in folders there, and in folders of textures one level up, by their names."""
    above = os.path.dirname(folder)
    folders = [os.path.join(above, name) for name in _listed(above) if "texture" in name.lower()]
    folders += [os.path.join(folder, name) for name in _listed(folder)] + [folder]
    return {name.lower(): os.path.join(place, name) for place in folders for name in _listed(place)}


def _listed(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _see_through(material: Any) -> None:
    """Let hair and lashes have the alpha of their texture, where the file only says so by a name."""
    node = _surface(material)
    if node is None or node.inputs["Alpha"].is_linked or not node.inputs["Base Color"].is_linked:
        return
    texture = node.inputs["Base Color"].links[0].from_node
    if texture.type != "TEX_IMAGE" or texture.image.depth not in (32, 64, 128):
        return
    names = f"{material.name} {_file_name(texture.image)}".lower()
    if any(word in names for word in ("opacity", "alpha", "transparen", "hair", "lash", "brow")):
        node.inputs["Alpha"].default_value = 1.0
        material.node_tree.links.new(texture.outputs["Alpha"], node.inputs["Alpha"])


# Poses.


def pose(chosen: dict[str, Any]) -> dict[str, Any]:
    """Put the model's skeleton into a moment of an animation of the same skeleton, and keep the shape.

    Bones are matched by name and turned as the animation's are, whatever rest pose it was made in; where a bone is
    stays as long as the model's own bones make it. Bones that only one of the two has stay as they are.

    Args:
        chosen: The ``file``, and ``at``, the moment in shares of the animation.

    Returns:
        The frame, and how many bones turned.
    """
    import bpy

    scene = bpy.context.scene
    bodies = [thing for thing in scene.objects if thing.type == "ARMATURE"]
    if not bodies:
        raise ValueError("the model has no skeleton to pose")
    before = list(bpy.data.objects)
    load(chosen["file"])
    brought = [thing for thing in bpy.data.objects if thing not in before]
    donors = [thing for thing in brought if thing.type == "ARMATURE" and thing.animation_data]
    donors = [thing for thing in donors if thing.animation_data.action]
    if not donors:
        raise ValueError("the pose has no animated skeleton")
    first, last = donors[0].animation_data.action.frame_range
    frame = round(first + (last - first) * chosen["at"])
    scene.frame_set(frame)
    wanted = {}
    for donor in donors:
        for bone in donor.pose.bones:
            wanted[bone.name] = (donor.matrix_world @ bone.matrix).to_quaternion()
    for thing in brought:
        bpy.data.objects.remove(thing)
    turned = sum(_turn(body, wanted) for body in bodies)
    if not turned:
        raise ValueError("the pose moves nothing: no bone of its skeleton has a name of the model's, or none turns")
    bpy.context.view_layer.update()
    _keep_shape(scene)
    return {"frame": frame, "bones": turned}


def _turn(body: Any, wanted: dict[str, Any]) -> int:
    """Turn the bones of a skeleton into the wanted directions (world space); returns how many turned."""
    from mathutils import Matrix

    body.animation_data_clear()
    upright, turned = body.matrix_world.to_quaternion().inverted(), 0
    # Of every bone, parents first: where the pose puts it, in the space of the skeleton.
    placed: dict[str, Any] = {}
    for bone in _parents_first(body.pose.bones):
        rest = bone.bone.matrix_local
        if bone.parent is not None:
            rest = placed[bone.parent.name] @ bone.parent.bone.matrix_local.inverted() @ rest
        bone.rotation_mode = "QUATERNION"
        own = bone.matrix_basis.to_quaternion()
        if bone.name in wanted:
            own = rest.to_quaternion().inverted() @ (upright @ wanted[bone.name])
            turned += own.angle > 0.01 and own.angle < 2 * math.pi - 0.01
        bone.location, bone.rotation_quaternion, bone.scale = (0, 0, 0), own, (1, 1, 1)
        placed[bone.name] = rest @ Matrix(own.to_matrix()).to_4x4()
    return turned


def _parents_first(bones: Any) -> list[Any]:
    return sorted(bones, key=lambda bone: len(bone.parent_recursive))


def _keep_shape(scene: Any) -> None:
    """Replace posed meshes by what they look like, for all that reads their vertices."""
    import bpy

    graph = bpy.context.evaluated_depsgraph_get()
    for thing in [thing for thing in scene.objects if thing.type == "MESH"]:
        shape = bpy.data.meshes.new_from_object(thing.evaluated_get(graph), depsgraph=graph)
        where = thing.matrix_world.copy()
        thing.modifiers.clear()
        thing.data = shape
        thing.parent = None
        thing.matrix_world = where


def corners(meshes: list[Any]) -> Any:
    """Vertices of the meshes in world space, (N, 3); of many vertices, evenly chosen ones."""
    import bpy
    import numpy as np

    graph = bpy.context.evaluated_depsgraph_get()
    found = []
    for thing in meshes:
        seen = thing.evaluated_get(graph)
        mesh = seen.to_mesh()
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        seen.to_mesh_clear()
        found.append(_placed(flat.reshape(-1, 3), thing.matrix_world))
    points = np.concatenate(found)
    if len(points) == 0 or not np.isfinite(points).all():
        raise ValueError("the model has no vertices, or infinite ones")
    step = max(1, len(points) // _MOST)
    # The outermost vertices decide the frame; they must not fall between the chosen ones.
    ends = np.concatenate([points[points.argmin(0)], points[points.argmax(0)]])
    return np.concatenate([points[::step], ends]).astype(np.float64)


def _placed(points: Any, matrix: Any) -> Any:
    import numpy as np

    world = np.array(matrix, np.float64)
    return points @ world[:3, :3].T + world[:3, 3]


# Camera.


def aim(scene: Any, points: Any, camera: dict[str, Any], side: int) -> tuple[int, list[int]]:
    """Place the camera so that the model fills the stated share of a frame of its own shape.

    The first of the drawn views that is not edge-on is taken; when all are, the least of them.

    Returns:
        The number of the view, and [width, height] of the frame.
    """
    import bpy
    from mathutils import Matrix, Vector

    middle = (points.min(0) + points.max(0)) / 2
    views = [_view(points - middle, way, camera["focal"]) for way in camera["views"]]
    shapes = [min(box[2] - box[0], box[3] - box[1]) / max(box[2] - box[0], box[3] - box[1]) for _, _, box in views]
    good = [number for number, shape in enumerate(shapes) if shape >= camera["min_aspect"]]
    chosen = good[0] if good else max(range(len(shapes)), key=shapes.__getitem__)
    turn, distance, (left, low, right, high) = views[chosen]
    width, height = right - left, high - low
    # A pixel beside the thing on each side, so that soft edges are not cut.
    size = [max(16, round(side * extent / max(width, height))) for extent in (width, height)]
    seen = max(width, height) / camera["share"]
    data = bpy.data.cameras.new("camera")
    eye = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(eye)
    scene.camera = eye
    wide = size[0] >= size[1]
    data.sensor_fit = "HORIZONTAL" if wide else "VERTICAL"
    data.sensor_width = data.sensor_height = 36.0
    data.lens = 36.0 / seen
    data.shift_x = (left + right) / 2 / seen
    data.shift_y = (low + high) / 2 / seen
    # Columns of the turn are right, up and back.
    eye.matrix_world = Matrix.Translation(Vector(middle) + turn.col[2] * distance) @ turn.to_4x4()
    reach = float(((points - middle) ** 2).sum(1).max() ** 0.5)
    data.clip_start, data.clip_end = max(distance - 2 * reach, distance * 1e-3), distance + 20 * reach
    if camera.get("focus"):
        data.dof.use_dof = True
        data.dof.focus_distance = distance - reach * 0.4
        # The circle of confusion in shares of the frame, whatever the unit of the model is.
        data.dof.aperture_fstop = (36.0 / seen) / 1000 / (camera["focus"] * distance)
    return chosen, size


def _view(points: Any, way: dict[str, float], focal: float) -> tuple[Any, float, tuple[float, float, float, float]]:
    """Turn of the camera, its distance, and the thing's box on the plane at distance 1."""
    import numpy as np
    from mathutils import Matrix, Vector

    azimuth, elevation = way["azimuth"], way["elevation"]
    back = Vector(
        (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
    )
    turn = (-back).to_track_quat("-Z", "Y").to_matrix() @ Matrix.Rotation(way["roll"], 3, "Z")
    x, y, z = (points @ np.array(turn)).T
    half = 18.0 / focal
    distance = float((z + np.maximum(abs(x), abs(y)) / half).max())
    depth = distance - z
    return turn, distance, (min(x / depth), min(y / depth), max(x / depth), max(y / depth))


def move(scene: Any, points: Any, share: float) -> None:
    """Let the camera pass by, so that the model is blurred by a share of its size."""
    extent = float((points.max(0) - points.min(0)).max())
    eye = scene.camera
    side = eye.matrix_world.to_3x3().col[0] * extent * share
    for frame, sign in ((0, -1), (2, 1)):
        eye.location = eye.matrix_world.translation + side * sign
        eye.keyframe_insert("location", frame=frame)
    for layer in eye.animation_data.action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                for curve in bag.fcurves:
                    for key in curve.keyframe_points:
                        key.interpolation = "LINEAR"
    scene.frame_set(1)
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 1.0


# Light.


def light(scene: Any, chosen: dict[str, Any], points: Any, azimuth: float) -> float:
    """Light the scene by a panorama, a photo behind the model, or a studio of three lamps in front of grey walls.

    Args:
        scene: The scene.
        chosen: What was drawn.
        points: Points of the thing.
        azimuth: Direction from the thing to the camera.

    Returns:
        What the light of a panorama or a photo is multiplied by; 1 for a studio.
    """
    import bpy

    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    out, back = tree.nodes.new("ShaderNodeOutputWorld"), tree.nodes.new("ShaderNodeBackground")
    tree.links.new(back.outputs[0], out.inputs[0])
    if chosen.get("file"):
        image = bpy.data.images.load(chosen["file"])
        where, turned = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
        panorama = tree.nodes.new("ShaderNodeTexEnvironment")
        panorama.image = image
        # The middle of a photo is a quarter from the left end of its panorama, which lies towards +Y.
        turn = -math.pi / 2 - azimuth if chosen.get("photo") else chosen["turn"]
        turned.inputs["Rotation"].default_value = (0, 0, turn)
        gain = float(chosen["strength"]) / _mean(image)
        back.inputs[1].default_value = gain
        tree.links.new(where.outputs["Generated"], turned.inputs[0])
        tree.links.new(turned.outputs[0], panorama.inputs[0])
        tree.links.new(panorama.outputs[0], back.inputs[0])
        # A map of its light in full size costs more time than all samples of a small picture.
        world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 512
        return gain
    back.inputs[0].default_value = (*chosen["walls"], 1)
    back.inputs[1].default_value = chosen["strength"] * 0.4
    middle = (points.min(0) + points.max(0)) / 2
    reach = float((((points - middle) ** 2).sum(1)).max() ** 0.5)
    for lamp in chosen["lamps"]:
        _lamp(scene, lamp, middle, reach, chosen["strength"])
    return 1.0


def _lamp(scene: Any, lamp: dict[str, Any], middle: Any, reach: float, strength: float) -> None:
    import bpy
    from mathutils import Vector

    data = bpy.data.lights.new("lamp", "AREA")
    data.size = reach * lamp["size"]
    # The light that falls on the thing is the same for models in metres and in inches.
    distance = 3 * reach
    data.energy = strength * lamp["power"] * 4 * math.pi * distance**2
    data.color = lamp["color"]
    thing = bpy.data.objects.new("lamp", data)
    scene.collection.objects.link(thing)
    azimuth, elevation = lamp["azimuth"], lamp["elevation"]
    way = Vector(
        (math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation))
    )
    thing.location = Vector(middle) + way * distance
    thing.rotation_euler = (-way).to_track_quat("-Z", "Y").to_euler()


def _mean(image: Any) -> float:
    """Mean luminance of a panorama over the sphere."""
    import numpy as np

    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    rows = pixels.reshape(height, width, 4)[..., :3].clip(0, 100) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    weights = np.cos((np.arange(height) + 0.5) / height * np.pi - np.pi / 2)
    return max(float((rows.mean(1) * weights).sum() / weights.sum()), 1e-3)


# Materials.


def dress(meshes: list[Any], look: dict[str, Any]) -> list[Any]:
    """Give the model its materials; returns those that are glass."""
    import bpy

    for thing in meshes:
        if not [slot for slot in thing.material_slots if slot.material]:
            thing.data.materials.append(bpy.data.materials.new("plain"))
    used = []
    for thing in meshes:
        used += [slot.material for slot in thing.material_slots if slot.material and slot.material not in used]
    kind, glass = look["look"], []
    for material in used:
        material.use_nodes = True
        if kind == "glass" or (kind == "imported" and look.get("glass") and _clear(material)):
            _glass(material, look)
            glass.append(material)
        elif kind in ("metal", "cloth", "velvet"):
            _plain(material, look)
        else:
            _tint(material, look)
    if glass:
        for thing in meshes:
            if any(slot.material in glass for slot in thing.material_slots):
                _consistent(thing)
    return glass


def _surface(material: Any) -> Any:
    """The Principled BSDF of a material, or None."""
    return next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)


def _clear(material: Any) -> bool:
    """Whether a material is see-through all over, as windows and bottles of simple models are."""
    node = _surface(material)
    if node is None:
        return False
    alpha, through = node.inputs["Alpha"], node.inputs["Transmission Weight"]
    return (not alpha.is_linked and alpha.default_value < 0.75) or through.default_value > 0.5


def _glass(material: Any, look: dict[str, Any]) -> None:
    tree = material.node_tree
    tree.nodes.clear()
    out, node = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeBsdfGlass")
    node.inputs["Color"].default_value = (*look.get("color", (0.97, 0.98, 0.98)), 1)
    node.inputs["Roughness"].default_value = look.get("roughness", 0.0)
    node.inputs["IOR"].default_value = look.get("ior", 1.45)
    tree.links.new(node.outputs[0], out.inputs[0])


def _plain(material: Any, look: dict[str, Any]) -> None:
    """Metal, cloth and velvet: one colour, and the alpha of the material before."""
    tree, before = material.node_tree, _surface(material)
    out = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    node = tree.nodes.new("ShaderNodeBsdfPrincipled")
    if before is not None:
        _follow(tree, before.inputs["Alpha"], node.inputs["Alpha"])
        _follow(tree, before.inputs["Normal"], node.inputs["Normal"])
        if look["look"] == "cloth" and before.inputs["Base Color"].is_linked:
            _follow(tree, before.inputs["Base Color"], node.inputs["Base Color"])
    if not node.inputs["Base Color"].is_linked:
        node.inputs["Base Color"].default_value = (*look["color"], 1)
    node.inputs["Roughness"].default_value = look["roughness"]
    node.inputs["Metallic"].default_value = 1.0 if look["look"] == "metal" else 0.0
    if look["look"] != "metal":
        node.inputs["Specular IOR Level"].default_value = 0.1
        node.inputs["Sheen Weight"].default_value = 1.0 if look["look"] == "velvet" else 0.4
        node.inputs["Sheen Roughness"].default_value = 0.3
        if look["look"] == "velvet":
            node.inputs["Sheen Tint"].default_value = (*look["color"], 1)
    tree.links.new(node.outputs[0], out.inputs["Surface"])
    if before is not None:
        tree.nodes.remove(before)


def _follow(tree: Any, source: Any, target: Any) -> None:
    """Let an input have what another has."""
    if source.is_linked:
        tree.links.new(source.links[0].from_socket, target)
    elif source.type != "VECTOR":
        target.default_value = source.default_value


def _tint(material: Any, look: dict[str, Any]) -> None:
    """Shift hue, saturation and value of the base colour, of its texture too."""
    node, shift = _surface(material), look.get("shift")
    if node is None or not shift:
        return
    tree, target = material.node_tree, node.inputs["Base Color"]
    change = tree.nodes.new("ShaderNodeHueSaturation")
    for name, value in zip(("Hue", "Saturation", "Value"), shift, strict=True):
        change.inputs[name].default_value = value
    change.inputs["Fac"].default_value = 1.0
    if target.is_linked:
        tree.links.new(target.links[0].from_socket, change.inputs["Color"])
    else:
        change.inputs["Color"].default_value = target.default_value
    tree.links.new(change.outputs[0], target)


def _consistent(thing: Any) -> None:
    """Turn all faces outwards: light enters glass where a face looks at it."""
    import bmesh

    work = bmesh.new()
    work.from_mesh(thing.data)
    bmesh.ops.recalc_face_normals(work, faces=work.faces)
    work.to_mesh(thing.data)
    work.free()


# Fur.


def grow(meshes: list[Any], points: Any, look: dict[str, Any], seed: int) -> Any:
    """Grow strands on the meshes; returns the points that the frame must hold.

    Roots are spread evenly over the area. A strand leaves along the normal, bends down by its weight, is drawn to the
    strand that leads its clump, and winds around its own way.
    """
    import bpy
    import numpy as np

    draw = np.random.default_rng(abs(seed))
    extent = float((points.max(0) - points.min(0)).max())
    roots, normals, colors = _roots(meshes, int(look["strands"]), draw)
    count, knots = len(roots), 7
    vary = look["vary"]
    length = extent * look["length"] * draw.uniform(1 - 2 * vary, 1 + 0.75 * vary, (count, 1, 1))
    t = np.linspace(0, 1, knots)[None, :, None]
    comb = np.array([*draw.normal(0, 0.35, 2), -0.2]) + draw.normal(0, 1.1 * vary, (count, 3))
    way = normals + comb * look["lie"]
    way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-9
    strands = roots[:, None] + way[:, None] * length * t
    strands[..., 2] -= (length * look["droop"] * t**2)[..., 0]
    leaders = draw.choice(count, max(1, count // 40), replace=False)
    nearest = _nearest(roots, roots[leaders])
    pull = look["clump"] * t**1.5 * draw.uniform(0.7, 1.0, (count, 1, 1))
    strands = strands + (strands[leaders][nearest] - strands) * pull * 0.85
    phase = draw.uniform(0, 2 * np.pi, (count, 1, 1))
    wave = look["curl"] * length * 0.12 * t
    side = np.cross(way, [0.31, 0.17, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    other = np.cross(way, side)
    strands = strands + wave * (np.cos(phase + 9 * t) * side[:, None] + np.sin(phase + 9 * t) * other[:, None])
    thick = extent * look["thickness"] * (1 - 0.85 * t[..., 0]) * draw.uniform(1 - vary, 1 + vary, (count, 1))

    curves = bpy.data.hair_curves.new("fur")
    curves.add_curves([knots] * count)
    curves.points.foreach_set("position", strands.astype(np.float32).ravel())
    curves.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", thick.astype(np.float32).ravel())
    tone = curves.attributes.new("tone", "FLOAT_COLOR", "CURVE")
    if look.get("color"):
        colors = np.broadcast_to(np.array(look["color"]), colors.shape)
    shaded = (colors * draw.uniform(1 - 1.25 * vary, 1 + vary, (count, 1))).clip(0, 1)
    tone.data.foreach_set("color", np.concatenate([shaded, np.ones((count, 1))], 1).astype(np.float32).ravel())
    material = bpy.data.materials.new("fur")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    out, hair = tree.nodes.new("ShaderNodeOutputMaterial"), tree.nodes.new("ShaderNodeBsdfHairPrincipled")
    source = tree.nodes.new("ShaderNodeAttribute")
    source.attribute_name = "tone"
    hair.parametrization = "COLOR"
    hair.inputs["Roughness"].default_value = 0.35
    tree.links.new(source.outputs["Color"], hair.inputs["Color"])
    tree.links.new(hair.outputs[0], out.inputs["Surface"])
    curves.materials.append(material)
    thing = bpy.data.objects.new("fur", curves)
    bpy.context.scene.collection.objects.link(thing)
    return np.concatenate([points, strands[:, -1], strands[:, knots // 2]])


def _roots(meshes: list[Any], count: int, draw: Any) -> tuple[Any, Any, Any]:
    """Points on the surface, evenly by area: place, normal, base colour in linear light."""
    import numpy as np

    parts = []
    for thing in meshes:
        mesh = thing.data
        mesh.calc_loop_triangles()
        number = len(mesh.loop_triangles)
        if not number:
            continue
        loops, slots = np.empty(number * 3, np.int32), np.empty(number, np.int32)
        mesh.loop_triangles.foreach_get("loops", loops)
        mesh.loop_triangles.foreach_get("material_index", slots)
        owners = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", owners)
        flat = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", flat)
        world = _placed(flat.reshape(-1, 3), thing.matrix_world)[owners[loops]].reshape(-1, 3, 3)
        split = np.empty(len(mesh.loops) * 3, np.float32)
        mesh.corner_normals.foreach_get("vector", split)
        turn = np.array(thing.matrix_world.to_3x3().inverted_safe().transposed())
        normals = (split.reshape(-1, 3)[loops] @ turn.T).reshape(-1, 3, 3)
        places = np.zeros((number, 3, 2), np.float32)
        if mesh.uv_layers.active:
            wide = np.empty(len(mesh.loops) * 2, np.float32)
            mesh.uv_layers.active.data.foreach_get("uv", wide)
            places = wide.reshape(-1, 2)[loops].reshape(-1, 3, 2)
        parts.append((thing, slots, world, normals, places))
    if not parts:
        raise ValueError("the model has no faces to grow fur on")
    areas = [np.linalg.norm(np.cross(w[:, 1] - w[:, 0], w[:, 2] - w[:, 0]), axis=1) for _, _, w, _, _ in parts]
    total = sum(float(area.sum()) for area in areas)
    found: list[Any] = [[], [], []]
    for (thing, slots, world, normals, places), area in zip(parts, areas, strict=True):
        own = round(count * float(area.sum()) / total)
        if not own:
            continue
        pick = draw.choice(len(area), own, p=area / area.sum())
        u, v = np.sqrt(draw.uniform(size=own)), draw.uniform(size=own)
        weights = np.stack([1 - u, u * (1 - v), u * v], 1)[..., None]
        found[0].append((world[pick] * weights).sum(1))
        up = (normals[pick] * weights).sum(1)
        found[1].append(up / (np.linalg.norm(up, axis=1, keepdims=True) + 1e-9))
        found[2].append(_colors(thing, slots[pick], (places[pick] * weights).sum(1)))
    return tuple(np.concatenate(part) for part in found)  # type: ignore[return-value]


def _colors(thing: Any, slots: Any, places: Any) -> Any:
    """Base colours of a mesh at texture coordinates."""
    import numpy as np

    colors = np.full((len(slots), 3), 0.5)
    for number, slot in enumerate(thing.material_slots):
        chosen = slots == number
        node = _surface(slot.material) if slot.material and slot.material.use_nodes else None
        if node is None or not chosen.any():
            continue
        base = node.inputs["Base Color"]
        texture = base.links[0].from_node if base.is_linked else None
        while texture is not None and texture.type != "TEX_IMAGE":
            linked = [entry for entry in texture.inputs if entry.is_linked and entry.type == "RGBA"]
            texture = linked[0].links[0].from_node if linked else None
        if texture is None or texture.image is None or not texture.image.size[0]:
            colors[chosen] = base.default_value[:3]
            continue
        width, height = texture.image.size
        pixels = np.empty(width * height * 4, np.float32)
        texture.image.pixels.foreach_get(pixels)
        x, y = ((places[chosen] % 1) * (width - 1, height - 1)).astype(int).T
        taken = pixels.reshape(height, width, 4)[y, x, :3]
        # Pixels of a byte image are as stored; strands want linear light.
        colors[chosen] = np.where(taken <= 0.04045, taken / 12.92, ((taken + 0.055) / 1.055) ** 2.4)
    return colors


def _nearest(points: Any, centres: Any) -> Any:
    import numpy as np
    from mathutils import Vector
    from mathutils.kdtree import KDTree

    tree = KDTree(len(centres))
    for number, centre in enumerate(centres):
        tree.insert(Vector(centre), number)
    tree.balance()
    return np.array([tree.find(Vector(point))[1] for point in points])


# Rendering.


def settle(scene: Any, job: dict[str, Any], size: list[int]) -> None:
    """Set everything that all renders of a job share."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.seed = job["seed"] % 2**31
    cycles.film_transparent_glass = True
    cycles.max_bounces, cycles.transparent_max_bounces = 8, 24
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 10.0
    render = scene.render
    render.film_transparent = True
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.threads_mode, render.threads = "FIXED", job["threads"]
    render.use_persistent_data = False
    settings = render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    settings.exr_codec = "ZIP"


def shoot(scene: Any, path: str, samples: int, denoise: bool) -> None:
    """Render into an EXR file."""
    import bpy

    cycles = scene.cycles
    cycles.samples = samples
    cycles.use_denoising = denoise
    # Cleaning albedo and normals first costs more time than samples that make colours as good.
    cycles.denoising_prefilter = "FAST"
    cycles.use_adaptive_sampling = True
    cycles.adaptive_threshold = 0.02 if denoise else 0.005
    cycles.adaptive_min_samples = 0 if denoise else min(12, samples)
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)
    if not os.path.isfile(path):
        raise RuntimeError("Blender wrote no picture")


def _all_materials() -> list[Any]:
    import bpy

    return [material for material in bpy.data.materials if material.use_nodes and material.users]


def matte(scene: Any, glass: list[Any]) -> None:
    """Let every surface emit the same light, with the alpha that it has; glass stays glass in a white world."""
    import bpy

    for material in _all_materials():
        if material not in glass:
            _shine(material)
    _white(scene)
    for lamp in [thing for thing in scene.objects if thing.type == "LIGHT"]:
        bpy.data.objects.remove(lamp)
    if not glass:
        scene.cycles.max_bounces = 0


def _white(scene: Any) -> None:
    tree = scene.world.node_tree
    back = next(node for node in tree.nodes if node.type == "BACKGROUND")
    for link in list(back.inputs[0].links):
        tree.links.remove(link)
    back.inputs[0].default_value, back.inputs[1].default_value = (1, 1, 1, 1), 1.0


def _shine(material: Any, color: Any = None) -> None:
    """Replace a surface by light of its own, behind the same alpha."""
    tree, before = material.node_tree, _surface(material)
    kept = [node for node in tree.nodes if node.type == "MIX_SHADER" and node.get("aimkit")]
    out = next((node for node in tree.nodes if node.type == "OUTPUT_MATERIAL"), None)
    if out is None or (before is None and not kept and _mixes(out)):
        return  # Not a surface of ours to read: it keeps its alpha and costs a few more rays.
    glow = tree.nodes.new("ShaderNodeEmission")
    if color is not None:
        tree.links.new(color(tree), glow.inputs["Color"])
    if kept:
        tree.links.new(glow.outputs[0], kept[0].inputs[2])
        return
    if before is None:
        tree.links.new(glow.outputs[0], out.inputs["Surface"])
        return
    clear, mix = tree.nodes.new("ShaderNodeBsdfTransparent"), tree.nodes.new("ShaderNodeMixShader")
    mix["aimkit"] = True
    _follow(tree, before.inputs["Alpha"], mix.inputs[0])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(glow.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], out.inputs["Surface"])


def _mixes(out: Any) -> bool:
    """Whether an output is fed by something that may let light through."""
    source = out.inputs["Surface"].links[0].from_node.type if out.inputs["Surface"].is_linked else ""
    return source in ("MIX_SHADER", "BSDF_TRANSPARENT", "ADD_SHADER", "GROUP")


def paint(scene: Any, name: str) -> None:
    """Let every surface emit its depth or its normal (world space, -1 to 1 as 0 to 1)."""

    def depth(tree: Any) -> Any:
        return tree.nodes.new("ShaderNodeCameraData").outputs["View Z Depth"]

    def normal(tree: Any) -> Any:
        scaled = tree.nodes.new("ShaderNodeVectorMath")
        scaled.operation = "MULTIPLY_ADD"
        scaled.inputs[1].default_value = scaled.inputs[2].default_value = (0.5, 0.5, 0.5)
        tree.links.new(tree.nodes.new("ShaderNodeNewGeometry").outputs["Normal"], scaled.inputs[0])
        return scaled.outputs[0]

    scene.cycles.max_bounces = 0
    for material in _all_materials():
        _shine(material, depth if name == "depth" else normal)


def above(scene: Any, points: Any) -> bool:
    """Whether the camera sees the ground that the model stands on from above."""
    return bool(scene.camera.matrix_world.translation.z > float(points[:, 2].min()))


def shadow(scene: Any, points: Any, glass: list[Any]) -> Callable[[], None]:
    """Put a floor that only catches shadow under the model, hide the model from the camera, and widen the frame.

    Returns:
        What undoes it.
    """
    import bpy

    extent = float((points.max(0) - points.min(0)).max())
    middle = (points.min(0) + points.max(0)) / 2
    hidden = list(scene.objects)
    for thing in hidden:
        thing.visible_camera = False
    bpy.ops.mesh.primitive_plane_add(size=extent * 40, location=(middle[0], middle[1], float(points[:, 2].min())))
    floor = bpy.context.active_object
    floor.is_shadow_catcher = True
    clear = [_clear_up(material) for material in glass]
    unframe = widen(scene, SHADOW_SCALE)

    def undo() -> None:
        unframe()
        for restore in clear:
            restore()
        bpy.data.objects.remove(floor)
        for thing in hidden:
            thing.visible_camera = True

    return undo


def widen(scene: Any, scale: float) -> Callable[[], None]:
    """Let the camera see half of the longer side more on all sides, at another resolution; returns what undoes it."""
    eye, render = scene.camera.data, scene.render
    size = (render.resolution_x, render.resolution_y)
    kept = (eye.lens, eye.shift_x, eye.shift_y, eye.dof.aperture_fstop)
    # The longer side fits the film, and doubles; shifts are in shares of the film, and the opening stays as wide.
    eye.lens, eye.shift_x, eye.shift_y, eye.dof.aperture_fstop = (value / 2 for value in kept)
    render.resolution_x, render.resolution_y = (max(1, round((side + max(size)) * scale)) for side in size)

    def undo() -> None:
        eye.lens, eye.shift_x, eye.shift_y, eye.dof.aperture_fstop = kept
        render.resolution_x, render.resolution_y = size

    return undo


def _clear_up(material: Any) -> Callable[[], None]:
    """Let light straight through glass, less what its faces reflect: without caustics, glass casts a black shadow."""
    tree = material.node_tree
    out = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    glass = out.inputs["Surface"].links[0].from_node
    mix, facing = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeLayerWeight")
    power, fresnel = tree.nodes.new("ShaderNodeMath"), tree.nodes.new("ShaderNodeMath")
    through, dark = tree.nodes.new("ShaderNodeBsdfTransparent"), tree.nodes.new("ShaderNodeBsdfDiffuse")
    through.inputs["Color"].default_value = glass.inputs["Color"].default_value
    dark.inputs["Color"].default_value = (0, 0, 0, 1)
    # Schlick's approximation; Blender's node takes the far sides of glass for total reflectors.
    ior = glass.inputs["IOR"].default_value
    least = ((ior - 1) / (ior + 1)) ** 2
    facing.inputs["Blend"].default_value = 0.5
    power.operation, fresnel.operation = "POWER", "MULTIPLY_ADD"
    power.inputs[1].default_value = 5
    fresnel.inputs[1].default_value, fresnel.inputs[2].default_value = 1 - least, least
    tree.links.new(facing.outputs["Facing"], power.inputs[0])
    tree.links.new(power.outputs[0], fresnel.inputs[0])
    for source, target in ((fresnel, mix.inputs[0]), (through, mix.inputs[1]), (dark, mix.inputs[2])):
        tree.links.new(source.outputs[0], target)
    tree.links.new(mix.outputs[0], out.inputs["Surface"])

    def restore() -> None:
        tree.links.new(glass.outputs[0], out.inputs["Surface"])
        for node in (mix, facing, power, fresnel, through, dark):
            tree.nodes.remove(node)

    return restore


if __name__ == "__main__":
    random.seed(0)
    main()
