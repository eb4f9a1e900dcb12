"""Make the people of the recipe render/things: rigged FBX files of MakeHuman's CC0 assets, and poses of their skeleton.

python makehuman_people.py ASSETS DATA PEOPLE [COUNT]    (in a Python with bpy, such as that of aimkit render --setup)

ASSETS is a checkout of github.com/makehumancommunity/makehuman-assets with its textures (Git LFS), and DATA the folder
src/mpfb/data of github.com/makehumancommunity/mpfb2. Everything taken from them is CC0.
"""

import gzip
import json
import math
import random
import shutil
import sys
from functools import cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

ASSETS, DATA, OUT = (Path(word) for word in sys.argv[1:4])
COUNT = int(sys.argv[4]) if len(sys.argv) > 4 else 48

SUITS = {
    "female": ["female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01"],
    "male": [*(f"male_casualsuit0{n}" for n in range(1, 7)), "male_elegantsuit01", "male_worksuit01"],
}
HAIR = {
    "female": ["afro01", "bob01", "bob02", "braid01", "long01", "ponytail01", "short03", "long01", "ponytail01"],
    "male": ["short01", "short02", "short03", "short04", "afro01", "short02"],
}
TINTS = [(0.1, 0.08, 0.07), (0.25, 0.17, 0.11), (0.55, 0.37, 0.22), (0.95, 0.75, 0.48), (0.7, 0.32, 0.17)]
GREY = (0.75, 0.74, 0.72)
SHAPED = ["head", "nose", "mouth", "chin", "forehead", "eyebrows", "cheek", "ears", "torso", "stomach", "arms", "legs"]
FINGERS = ("thumb", "index", "middle", "ring", "pinky")

#: Bones of the rig, and the joints of MakeHuman's poses that turn as they do.
JOINTS = {"pelvis": "root", "spine_01": "spine04", "spine_02": "spine03", "spine_03": "spine01"}
JOINTS |= {"neck_01": "neck02", "head": "head"}
for side in "lr":
    up = side.upper()
    limbs = {"clavicle": "shoulder01", "upperarm": "upperarm02", "lowerarm": "lowerarm02", "hand": "wrist"}
    limbs |= {"thigh": "upperleg02", "calf": "lowerleg02", "foot": "foot", "ball": "foot"}
    JOINTS |= {f"{bone}_{side}": f"{joint}.{up}" for bone, joint in limbs.items()}
    for number, finger in enumerate(FINGERS, 1):
        JOINTS |= {f"{finger}_0{part}_{side}": f"finger{number}-{part}.{up}" for part in (1, 2, 3)}


def read_obj(path):
    """Vertices, texture places, faces as (vertex, place) pairs, and the group of every face."""
    places, textures, faces, groups, group = [], [], [], [], ""
    for line in path.read_text().splitlines():
        words = line.split()
        kind = words[0] if words else ""
        if kind == "v":
            places.append([float(word) for word in words[1:4]])
        elif kind == "vt":
            textures.append([float(word) for word in words[1:3]])
        elif kind == "g":
            group = words[1] if len(words) > 1 else ""
        elif kind == "f":
            corners = [[*word.split("/"), ""][:2] for word in words[1:]]
            faces.append([(int(a) - 1, int(b) - 1 if b else -1) for a, b in corners])
            groups.append(group)
    return np.array(places), np.array(textures), faces, groups


BASE, BASE_UV, BASE_FACES, BASE_GROUPS = read_obj(DATA / "3dobjs/base.obj")
CUBES: dict = {}
for face, name in zip(BASE_FACES, BASE_GROUPS, strict=True):
    if name.startswith("joint-"):
        CUBES.setdefault(name, set()).update(vertex for vertex, _ in face)
RIG = json.loads((DATA / "rigs/standard/rig.game_engine.json").read_text())
RIG = RIG.get("bones", RIG)
WEIGHTS: list = [{} for _ in BASE]
for name, rows in json.loads((DATA / "rigs/standard/weights.game_engine.json").read_text())["weights"].items():
    for vertex, weight in rows:
        WEIGHTS[vertex][name] = weight
#: What Git LFS has not fetched is a file of a few lines.
PICTURES = {path.name.lower(): path for path in ASSETS.rglob("*.png") if path.stat().st_size > 1024}


# A person.


def person(number):
    """Draw who it is."""
    draw = random.Random(number * 7919 + 5)
    sex = "female" if number % 2 else "male"
    child = number % 9 == 8
    old = 0 if child else draw.choice([0, 0, 0.1, 0.3, 0.5])
    race = draw.choice(["caucasian", "african", "asian"])
    draw.choice(["caucasian", "african", "asian"])
    details = []
    for folder in SHAPED:
        files = sorted((DATA / "targets" / folder).glob("*.target.gz"))
        details += [(file, draw.uniform(0, 0.5)) for file in draw.sample(files, min(2, len(files)))]
    tone = "dark" if race == "african" else "light"
    stage = "young" if old < 0.15 else "middleage" if old < 0.4 else "old"
    skins = [name for name in PICTURES if name.startswith(f"{stage}_{tone}skinned_{sex}_diffuse")]
    if race == "asian":
        skins = [name for name in skins if name.endswith(("diffuse2.png", "diffuse3.png"))] or skins
    drawn = {
        "sex": sex,
        "race": race,
        "ages": {"child": 0.7, "young": 0.3} if child else {"young": 1 - old, "old": old},
        "details": details,
        "suit": SUITS[sex][number // 2 % len(SUITS[sex])],
        "hair": HAIR[sex][number // 2 % len(HAIR[sex])],
    }
    drawn |= {"muscle": draw.uniform(0.3, 0.8), "weight": draw.uniform(0.25, 0.9), "skin": draw.choice(sorted(skins))}
    drawn |= {"shoes": f"shoes0{draw.choice([1, 2, 3, 4, 5, 6])}", "hat": draw.random() < 0.12}
    shift = draw.choice([0, 0, draw.gauss(0, 0.06), draw.random()])
    drawn["dye"] = (shift, draw.uniform(0.5, 1.2), draw.uniform(0.6, 1.25))
    drawn["shoe_dye"] = (draw.random(), draw.uniform(0.3, 1), draw.uniform(0.6, 1.3))
    grey = old >= 0.3 and draw.random() < 0.7
    drawn["tint"] = GREY if grey else draw.choice(TINTS if race == "caucasian" else TINTS[:3])
    eyes = ["brownlight", "brownlight", "blue", "grey", "green"] if race == "caucasian" else ["brownlight"]
    return drawn | {"eyes": f"{draw.choice(eyes)}_eye.png", "brow": draw.randint(1, 12)}


@cache
def target(path):
    """Vertices of a change of shape, and how far they move."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = [line.split() for line in lines if line.strip() and not line.startswith(("#", '"'))]
    moves = np.array([[float(word) for word in row[1:4]] for row in rows]).reshape(-1, 3)
    return np.array([int(row[0]) for row in rows], int), moves


def shape(who):
    """The body's vertices, in MakeHuman's decimetres with y up."""

    def levels(value, names):
        return dict(zip(names, (max(0, 1 - 2 * value), 1 - abs(2 * value - 1), max(0, 2 * value - 1)), strict=True))

    macro, sex = DATA / "targets/macrodetails", who["sex"]
    parts = list(who["details"])
    for age, share in who["ages"].items():
        parts.append((macro / f"{who['race']}-{sex}-{age}.target.gz", share))
        for muscle, a in levels(who["muscle"], ("minmuscle", "averagemuscle", "maxmuscle")).items():
            for weight, b in levels(who["weight"], ("minweight", "averageweight", "maxweight")).items():
                parts.append((macro / f"universal-{sex}-{age}-{muscle}-{weight}.target.gz", share * a * b))
    body = BASE.copy()
    for path, share in parts:
        if share > 1e-3 and path.is_file():
            vertices, moves = target(path)
            body[vertices] += moves * share
    return body


def read_clothes(path):
    """The mesh's file, scales, how each vertex hangs on the body's, and the body's vertices below it."""
    file, scales, hung, hidden, part = "", {}, [], set(), ""
    for line in path.read_text(encoding="utf8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "obj_file":
            file = words[1]
        elif words[0] in ("x_scale", "y_scale", "z_scale"):
            scales["xyz".index(words[0][0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] in ("verts", "delete_verts"):
            part = words[0]
        elif part == "verts" and words[0].isdigit():
            three = [int(word) for word in words[:3]], [float(w) for w in words[3:6]], [float(w) for w in words[6:9]]
            hung.append(([int(words[0])], [1.0], [0, 0, 0]) if len(words) == 1 else three)
        elif part == "delete_verts":
            ends = " ".join(words).replace(" - ", "-").split()
            for span in ends:
                first, _, last = span.partition("-")
                hidden.update(range(int(first), int(last or first) + 1))
    return path.parent / file, scales, hung, hidden


# Blender.


def metres(places):
    return np.stack([places[..., 0], -places[..., 2], places[..., 1]], -1) * 0.1


def skeleton(body):
    """The rig, with its joints in the body's."""

    def place(joint):
        if joint["strategy"] == "CUBE":
            return Vector(metres(body[sorted(CUBES[joint["cube_name"]])].mean(0)))
        chosen = joint["vertex_indices"] if joint["strategy"] == "MEAN" else [joint["vertex_index"]]
        return Vector(metres(body[chosen].mean(0)))

    data = bpy.data.armatures.new("skeleton")
    thing = bpy.data.objects.new("skeleton", data)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    for name, facts in RIG.items():
        bone = data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = place(facts["head"]), place(facts["tail"]), facts.get("roll") or 0
        if (bone.tail - bone.head).length < 1e-3:
            bone.tail = bone.head + Vector((0, 0, 0.05))
    for name, facts in RIG.items():
        if facts.get("parent"):
            data.edit_bones[name].parent = data.edit_bones[facts["parent"]]
    bpy.ops.object.mode_set(mode="OBJECT")
    return thing


def picture(name, tag, dye=None, tint=None):
    """A texture; dyed by a turn of hue, a saturation and a brightness, or grey in a tint."""
    image = bpy.data.images.load(str(PICTURES[name.lower()]))
    if dye is None and tint is None:
        return image
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(-1, 4)
    colors = pixels[:, :3]
    grey = colors.mean(1, keepdims=True)
    if dye is not None:
        c, s = math.cos(2 * math.pi * dye[0]), math.sin(2 * math.pi * dye[0]) / math.sqrt(3)
        turn = np.full((3, 3), (1 - c) / 3) + np.eye(3) * c + np.array([[0, -s, s], [s, 0, -s], [-s, s, 0]])
        colors = (grey + (colors @ turn.T - grey) * dye[1]) * dye[2]
    else:
        colors = grey * np.array(tint)
    pixels[:, :3] = colors.clip(0, 1)
    new = bpy.data.images.new(f"{Path(name).stem}_{tag}.png", width, height, alpha=True)
    new.pixels.foreach_set(pixels.ravel())
    new.filepath_raw, new.file_format = str(OUT / "textures" / new.name), "PNG"
    new.save()
    return bpy.data.images.load(new.filepath_raw)


def material(name, image, see_through=False, normal=None, rough=0.6):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    if see_through:
        tree.links.new(texture.outputs["Alpha"], surface.inputs["Alpha"])
    if normal is not None:
        bump, turn = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeNormalMap")
        bump.image = normal
        normal.colorspace_settings.name = "Non-Color"
        tree.links.new(bump.outputs["Color"], turn.inputs["Color"])
        tree.links.new(turn.outputs["Normal"], surface.inputs["Normal"])
    surface.inputs["Roughness"].default_value = rough
    return made


def put_on(name, places, textures, faces, weights, made, rig):
    """A mesh that the skeleton moves."""
    used = sorted({vertex for face in faces for vertex, _ in face})
    at = {vertex: number for number, vertex in enumerate(used)}
    data = bpy.data.meshes.new(name)
    data.from_pydata(metres(places[used]).tolist(), [], [[at[vertex] for vertex, _ in face] for face in faces])
    flat = np.array([textures[place] if place >= 0 else (0, 0) for face in faces for _, place in face], np.float32)
    data.uv_layers.new(name="uv").data.foreach_set("uv", flat.ravel())
    data.materials.append(made)
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    for vertex in used:
        for bone, weight in sorted(weights[vertex].items(), key=lambda pair: -pair[1])[:4]:
            if weight > 1e-3:
                group = thing.vertex_groups.get(bone) or thing.vertex_groups.new(name=bone)
                group.add([at[vertex]], weight, "REPLACE")
    thing.parent = rig
    thing.modifiers.new("rig", "ARMATURE").object = rig


def wear(folder, body, rig, tag, see_through, dye=None, tint=None, rough=0.7):
    """Put clothes or hair on; returns the body's vertices that they hide."""
    file, scales, hung, hidden = read_clothes(next(iter(sorted(folder.glob("*.mhclo")))))
    _, textures, faces, _ = read_obj(file)
    size = np.array([abs(body[a][i] - body[b][i]) / unit for i, (a, b, unit) in sorted(scales.items())])
    places = np.array([sum(body[v] * w for v, w in zip(on, by, strict=True)) + size * off for on, by, off in hung])
    weights: list = []
    for on, by, _ in hung:
        total: dict = {}
        for vertex, share in zip(on, by, strict=True):
            for bone, weight in WEIGHTS[vertex].items():
                total[bone] = total.get(bone, 0) + max(share, 0) * weight
        weights.append(total)
    about = (sorted(folder.glob("*.mhmat")) or sorted(folder.glob("materials/*.mhmat")))[0]
    lines = [line.split(None, 1) for line in about.read_text(encoding="utf8").splitlines() if line[:1] != "#"]
    facts = {words[0]: Path(words[1].strip()).name for words in lines if len(words) > 1}
    bump = PICTURES.get(facts.get("normalmapTexture", "").lower())
    normal = bpy.data.images.load(str(bump)) if bump else None
    image = picture(facts["diffuseTexture"], tag, dye, tint)
    name = f"{folder.name}_alpha" if see_through else folder.name
    put_on(name, places, textures, faces, weights, material(name, image, see_through, normal, rough), rig)
    return hidden


def build(number):
    """Write the FBX file of a person, with its textures in it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    who, tag, base = person(number), f"{number:02d}", ASSETS / "base"
    body = shape(who)
    rig = skeleton(body)
    hidden = wear(base / "clothes" / who["suit"], body, rig, tag, True, dye=who["dye"])
    hidden |= wear(base / "clothes" / who["shoes"], body, rig, tag, False, dye=who["shoe_dye"], rough=0.5)
    hidden |= wear(base / "hair" / who["hair"], body, rig, tag, True, tint=who["tint"], rough=0.45)
    if who["hat"]:
        hidden |= wear(base / "clothes/fedora01", body, rig, tag, False, dye=who["shoe_dye"])
    brow = tuple(part * 0.8 for part in who["tint"])
    wear(base / f"eyebrows/eyebrow{who['brow']:03d}", body, rig, tag, True, tint=brow)
    wear(base / "eyelashes/eyelashes02", body, rig, tag, True)
    groups = list(zip(BASE_FACES, BASE_GROUPS, strict=True))
    seen = [face for face, group in groups if group == "body" and not all(vertex in hidden for vertex, _ in face)]
    put_on("body", body, BASE_UV, seen, WEIGHTS, material("skin", picture(who["skin"], tag), rough=0.5), rig)
    eyes = [face for face, group in groups if group in ("helper-l-eye", "helper-r-eye")]
    look = material("eyes_alpha", picture(who["eyes"], tag), True, rough=0.1)
    put_on("eyes", body, BASE_UV, eyes, WEIGHTS, look, rig)
    keys = {"object_types": {"ARMATURE", "MESH"}, "add_leaf_bones": False, "bake_anim": False}
    path = OUT / "people" / f"person_{tag}.fbx"
    bpy.ops.export_scene.fbx(filepath=str(path), path_mode="COPY", embed_textures=True, **keys)


# Poses.


def read_pose(path):
    """Turns of the bones against their parents, in the world's axes, of a BVH file of one frame."""
    tree, _, motion = path.read_text().partition("MOTION")
    stack, joints, last = [], [], {}
    for words in filter(None, (line.split() for line in tree.splitlines())):
        if words[0] in ("ROOT", "JOINT", "End"):
            last = {"name": words[1], "parent": stack[-1] if stack else None, "channels": []}
            joints += [last] if words[0] != "End" else []
        elif words[0] == "{":
            stack.append(last)
        elif words[0] == "}":
            stack.pop()
        elif words[0] == "CHANNELS":
            last["channels"] = words[2:]
    numbers = iter(float(word) for word in motion.strip().splitlines()[-1].split())
    world: dict = {}
    for joint in joints:
        own = Matrix.Identity(3)
        for channel in joint["channels"]:
            value = next(numbers)
            if channel.endswith("rotation"):
                own = own @ Matrix.Rotation(math.radians(value), 3, channel[0])
        world[joint["name"]] = world[joint["parent"]["name"]] @ own if joint["parent"] else own
    turns = {}
    for bone, joint in JOINTS.items():
        above = JOINTS.get(RIG[bone]["parent"])
        turns[bone] = (world[above].inverted() if above else Matrix.Identity(3)) @ world[joint]
    return turns


def mixed(given, draw):
    """A new pose: legs of one, arms of others, and a little of chance."""
    calm = [name for name in given if name.startswith(("standing", "sit", "run"))]
    low, top = given[draw.choice(calm)], given[draw.choice(calm if draw.random() < 0.75 else list(given))]
    left = top if draw.random() < 0.6 else given[draw.choice(calm)]
    found = {}
    for bone in JOINTS:
        legs = bone.startswith(("thigh", "calf", "foot", "ball"))
        source = low if legs else left if bone.endswith("_l") else top
        turn = (low if bone == "pelvis" else source)[bone].to_quaternion()
        spread = 0.12 if bone.startswith(("upperarm", "thigh", "head", "neck")) else 0.05
        axis = Vector((draw.gauss(0, 1), draw.gauss(0, 1), draw.gauss(0, 1))).normalized()
        turn = turn @ Quaternion(axis, draw.gauss(0, spread))
        found[bone] = source[bone] if bone.startswith((*FINGERS, "ball")) else turn.to_matrix()
    return found


def write_poses(count):
    """One animation, each frame of which is a pose."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rig, draw = skeleton(BASE), random.Random(3)
    given = {path.stem: read_pose(path) for path in sorted((ASSETS / "base/poses").glob("*.bvh"))}
    frames = list(given.values())
    frames += [mixed(given, draw) for _ in range(count - len(frames))]
    for number, turns in enumerate(frames):
        for bone in rig.pose.bones:
            rest = bone.bone.matrix_local.to_3x3()
            bone.rotation_mode = "QUATERNION"
            turn = rest.inverted() @ turns.get(bone.name, Matrix.Identity(3)) @ rest
            bone.rotation_quaternion = turn.to_quaternion()
            bone.keyframe_insert("rotation_quaternion", frame=number)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 0, len(frames) - 1
    keys = {"object_types": {"ARMATURE"}, "add_leaf_bones": False, "bake_anim": True, "bake_anim_simplify_factor": 0}
    keys |= {"bake_anim_use_nla_strips": False, "bake_anim_use_all_actions": False}
    bpy.ops.export_scene.fbx(filepath=str(OUT / "poses/poses.fbx"), **keys)


if __name__ == "__main__":
    for folder in ("people", "poses", "textures"):
        (OUT / folder).mkdir(parents=True, exist_ok=True)
    write_poses(90)
    for number in range(COUNT):
        build(number)
    shutil.rmtree(OUT / "textures")
