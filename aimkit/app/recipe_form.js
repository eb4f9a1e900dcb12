// The form of a recipe. `props.value` is {serial, base, data}: the data is the recipe as plain tables, edited in place;
// a new serial means another recipe. What keys there are comes from the server once, from the recipe's classes.
const root = element.querySelector(".recipe-form");
let spec = null, serial = null, base = {}, data = {}, faults = {}, timer = 0, fields = 0, cards = {};
const copy = (x) => JSON.parse(JSON.stringify(x ?? null));
const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const at = (tree, path) => path.reduce((t, k) => (t == null ? undefined : t[k]), tree);
const put = (tree, path, value) => {
  const last = path.at(-1);
  let t = tree;
  for (let i = 0; i < path.length - 1; i++) t = t[path[i]] ??= typeof path[i + 1] === "number" ? [] : {};
  if (value === undefined || value === null) delete t[last]; else t[last] = value;
};
const el = (tag, attributes = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) {
    if (k.startsWith("on")) node.addEventListener(k.slice(2), v);
    else if (v === true) node.setAttribute(k, ""); else if (v !== false && v != null) node.setAttribute(k, v);
  }
  node.append(...inside.flat().filter((x) => x != null));
  return node;
};
const words = (key) => key.split(".").at(-1).replaceAll("_", " ");

function changed(now = false) {
  clearTimeout(timer);
  timer = setTimeout(() => { props.value = {serial, base: props.value.base, data: copy(data)}; }, now ? 0 : 90);
}

// ---- one control -----------------------------------------------------------------------------------------------
function control(one, path) {
  const value = () => { const v = at(data, path); return v === undefined || v === null ? one.default : v; };
  const id = `field-${fields++}`, key = path.join(".");
  const row = el("div", {class: `field ${one.kind}`, "data-key": key});
  const set = (v, now) => { put(data, path, v); mark(); changed(now); };
  const reset = el("button", {type: "button", class: "reset", title: "Back to the recipe's value", "aria-label": `Reset ${words(one.key)}`,
    onclick: () => { put(data, path, copy(at(base, path))); build(); changed(true); }}, "↺");
  const mark = () => row.classList.toggle("changed", !same(at(data, path), at(base, path)));
  const label = el("label", {for: id, title: one.help}, words(one.key));
  const head = el("div", {class: "head"}, label, reset);
  const body = el("div", {class: "body"});
  const draw = () => {
    body.replaceChildren();
    if (one.optional && one.kind !== "switch") {
      const on = at(data, path) !== undefined && at(data, path) !== null;
      body.append(el("label", {class: "optional"}, el("input", {type: "checkbox", checked: on, "aria-label": `Set ${words(one.key)}`,
        onchange: (e) => { set(e.target.checked ? start(one) : undefined, true); draw(); }}), on ? "" : "not set"));
      if (!on) return;
    }
    body.append(...inputs(one, id, value, set, label.textContent));
  };
  draw(); mark();
  row.append(head, body, el("p", {class: "fault", role: "alert", hidden: true}));
  if (one.kind === "switch") row.classList.add("inline");
  return row;
}
const start = (one) => one.default ?? (one.kind === "number" ? (one.span ? (one.span[0] + one.span[1]) / 2 : one.low ?? 0)
  : one.kind === "range" ? [one.span[0], one.span[1]] : one.kind === "choice" ? one.choices[0] : one.kind === "switch" ? true : "");

function inputs(one, id, value, set, name) {
  const number = (v, on, label, own) => el("input", {type: "number", id: own, value: v, step: one.whole ? 1 : "any", min: one.low, max: one.high,
    "aria-label": own ? null : label, onchange: (e) => { const x = parseFloat(e.target.value); if (!Number.isNaN(x)) on(one.whole ? Math.round(x) : x); }});
  const slider = (v, on, label) => {
    const [low, high] = one.span;
    const s = el("input", {type: "range", min: Math.min(low, v), max: Math.max(high, v), step: one.step, "aria-label": label, oninput: (e) => on(parseFloat(e.target.value))});
    s.value = v; return s;
  };
  if (one.kind === "switch") {
    return [el("input", {type: "checkbox", id, role: "switch", checked: !!value(), onchange: (e) => set(e.target.checked, true)})];
  }
  if (one.kind === "choice") {
    return [el("select", {id, onchange: (e) => { set(e.target.value, true); }}, one.choices.map((c) => el("option", {value: c, selected: c === value()}, c)))];
  }
  if (one.kind === "choices") {
    const chosen = new Set(value());
    return [el("div", {class: "chips", role: "group", "aria-label": name}, one.choices.map((c) => el("label", {class: "chip"}, el("input", {type: "checkbox", checked: chosen.has(c),
      onchange: (e) => { e.target.checked ? chosen.add(c) : chosen.delete(c); set(one.choices.filter((x) => chosen.has(x)), true); }}), el("span", {}, c))))];
  }
  if (one.kind === "numbers") {
    return [el("input", {type: "text", id, inputmode: "decimal", value: (value() ?? []).join(", "), onchange: (e) =>
      set(e.target.value.split(/[\s,;]+/).filter(Boolean).map((x) => Number.isNaN(Number(x)) ? x : Number(x)), true)})];
  }
  if (one.kind === "shares") {
    const now = {...(value() ?? {})};
    return [el("div", {class: "shares"}, one.choices.map((c) => {
      const share = {...one, span: [0, Math.max(1, ...Object.values(now))], step: 0.05}, shown = el("output", {}, String(now[c] ?? 0));
      const s = el("input", {type: "range", min: 0, max: share.span[1], step: share.step, "aria-label": `${name} ${c}`, oninput: (e) => {
        now[c] = parseFloat(e.target.value); shown.textContent = String(now[c]); set({...now}); }});
      s.value = now[c] ?? 0;
      return el("div", {class: "share"}, el("span", {}, c), s, shown);
    }))];
  }
  if (one.kind === "range") {
    let v = value(); if (!Array.isArray(v)) v = [v, v];
    let [a, b] = v;
    const box = el("div", {class: "two"}), low = slider(a, (x) => move(0, x), `${name}, least`), high = slider(b, (x) => move(1, x), `${name}, most`);
    for (const s of [low, high]) { s.min = Math.min(one.span[0], a, b); s.max = Math.max(one.span[1], a, b); }
    low.value = a; high.value = b;
    const n0 = number(a, (x) => move(0, x, true), `${name}, least`, id), n1 = number(b, (x) => move(1, x, true), `${name}, most`);
    const show = () => {
      const width = high.max - high.min || 1;
      box.style.setProperty("--a", `${100 * (a - low.min) / width}%`); box.style.setProperty("--b", `${100 * (b - low.min) / width}%`);
    };
    const tidy = (x) => one.whole ? Math.round(x) : Number(x.toPrecision(6));
    const move = (which, x, typed) => {
      x = tidy(x);
      // The ends push each other; what is typed is taken as it is, so that an error can be shown.
      if (which === 0) { a = x; if (!typed && b < a) b = a; } else { b = x; if (!typed && a > b) a = b; }
      low.value = a; high.value = b; n0.value = a; n1.value = b; show(); set([a, b], typed);
    };
    box.append(el("div", {class: "track"}), low, high); show();
    return [n0, box, n1];
  }
  if (one.kind === "number" && one.span) {
    const n = number(value(), (x) => { s.value = x; set(x, true); }, name, id);
    const s = slider(value(), (x) => { x = one.whole ? Math.round(x) : Number(x.toPrecision(6)); n.value = x; set(x); }, name);
    return [s, n];
  }
  if (one.kind === "number") return [number(value(), (x) => set(x, true), name, id)];
  return [el("input", {type: "text", id, value: value() ?? "", onchange: (e) => set(e.target.value, true)})];
}

// ---- groups ----------------------------------------------------------------------------------------------------
const opened = new Set(matchMedia("(max-width: 900px)").matches ? ["Samples"] : ["Samples", "Placement", "Steps"]);
function section(title, count, ...inside) {
  return el("details", {class: "section", open: opened.has(title), ontoggle: (e) => { if (e.target.classList.contains("section")) e.target.open ? opened.add(title) : opened.delete(title); }},
    el("summary", {}, el("span", {}, title), count ? el("span", {class: "count"}, count) : null), el("div", {class: "inside"}, inside.flat()));
}
const group = (list, path) => list.map((one) => control(one, [...path, ...one.key.split(".")]));
const under = (name) => spec.root.filter((one) => one.key.startsWith(`${name}.`));
const unfolded = new Set();
function card(title, help, path, on, toggle, inside, name) {
  const key = name ?? path.join("."), box = el("div", {class: `card ${on ? "on" : ""}`, "data-key": path.join(".")});
  const body = el("div", {class: "inside", hidden: !unfolded.has(key)});
  const fill = () => { if (!body.childElementCount) body.append(...inside()); };
  const fold = el("button", {type: "button", class: "fold", "aria-expanded": String(unfolded.has(key)), title: help, onclick: () => {
    body.hidden = !body.hidden; fold.setAttribute("aria-expanded", String(!body.hidden));
    body.hidden ? unfolded.delete(key) : (unfolded.add(key), fill(), showFaults());
  }}, title);
  if (on && unfolded.has(key)) fill();
  const head = el("div", {class: "head"}, el("input", {type: "checkbox", role: "switch", checked: on, "aria-label": `Use ${title}`, onchange: (e) => toggle(e.target.checked)}), fold);
  box.append(head, el("p", {class: "fault", role: "alert", hidden: true}), body);
  if (!on) { fold.disabled = true; body.hidden = true; }
  return {box, head};
}
const off = {};
function stepCards() {
  const rows = data.steps ??= [], used = rows.map((row) => row.step);
  const list = rows.map((row, i) => {
    const kind = spec.steps[row.step] ?? {fields: [], help: ""}, path = ["steps", i];
    const {box, head} = card(words(row.step), kind.help, path, true, () => { off[row.step] = copy(row); rows.splice(i, 1); build(); changed(true); },
      () => group(kind.fields.filter((f) => f.key !== "p"), path), `step ${row.step} ${used.slice(0, i).filter((s) => s === row.step).length}`);
    const p = control({...kind.fields.find((f) => f.key === "p"), default: 1}, [...path, "p"]);
    p.classList.add("chance"); p.querySelector("label").textContent = "p";
    head.append(p);
    return box;
  });
  const rest = Object.entries(spec.steps).filter(([name]) => !used.includes(name)).map(([name, kind]) =>
    card(words(name), kind.help, ["off", name], false, () => { rows.push(off[name] ?? {step: name, p: 0.5}); unfolded.add(`step ${name} 0`); build(); changed(true); }, () => []).box);
  return [...list, rest.length ? el("p", {class: "note"}, "Not used") : null, ...rest];
}
function generatorChips(row, path, known) {
  const names = Object.keys(known), list = row.generators ?? [];
  const nameOf = (g) => (typeof g === "string" ? g : g.generator);
  const chosen = list.length ? list.map(nameOf) : names;
  const set = (next) => { next.length === names.length && next.every((g) => typeof g === "string") ? delete row.generators : (row.generators = next); build(); changed(true); };
  const full = () => (list.length ? [...list] : [...names]);
  const chips = el("div", {class: "chips", role: "group", "aria-label": "Generators"}, names.map((name) => el("label", {class: "chip", title: known[name].help},
    el("input", {type: "checkbox", checked: chosen.includes(name), onchange: (e) => set(e.target.checked ? [...full(), name] : full().filter((g) => nameOf(g) !== name))}), el("span", {}, words(name)))));
  const tools = el("div", {class: "tools"}, el("button", {type: "button", onclick: () => set([...names])}, "All"),
    el("button", {type: "button", onclick: () => set([names[0]])}, "Only one"));
  const tuned = el("div", {class: "tuned"}, full().length <= 6 ? full().map((g, i) => {
    const name = nameOf(g), kind = known[name]; if (!kind || !kind.fields.length) return null;
    return card(`Parameters of ${words(name)}`, kind.help, [...path, "generators", i], typeof g !== "string", (on) => { const next = full(); next[i] = on ? {generator: name} : name; if (on) unfolded.add(`${path} ${name}`); set(next); },
      () => group(kind.fields, [...path, "generators", i]), `${path} ${name}`).box;
  }).filter(Boolean) : [el("p", {class: "note"}, "Choose six generators or fewer to set their parameters.")]);
  return [tools, chips, el("p", {class: "fault", role: "alert", hidden: true}), tuned];
}
function sources(key, generators) {
  return (data[key] ?? []).map((row, i) => {
    const path = [key, i], fields = (spec[key][row.source] ?? []).filter((f) => f.kind !== "text");
    const title = row.source === "procedural" ? "Generators" : row.name || row.set || `${words(row.source)}`;
    const shown = row.source === "procedural" ? fields.filter((f) => ["weight", "type", "repeat"].includes(f.key)) : fields;
    return el("fieldset", {class: "source", "data-key": path.join(".")}, el("legend", {}, title, row.path ? el("code", {}, String(row.path)) : null),
      el("p", {class: "fault", role: "alert", hidden: true}), row.source === "procedural" ? el("div", {"data-key": `${key}.${i}.generators`}, generatorChips(row, path, generators)) : null,
      el("details", {class: "more"}, el("summary", {}, "More"), group(shown, path)));
  });
}
function placement() {
  const row = data.placement ?? {}, modes = Object.keys(spec.placements);
  const choose = el("div", {class: "field choice"}, el("div", {class: "head"}, el("label", {for: "placement-mode"}, "mode")), el("div", {class: "body"}, el("select", {id: "placement-mode", onchange: (e) => {
    const fits = new Set(spec.placements[e.target.value].fields.map((f) => f.key)), next = {mode: e.target.value};
    for (const [k, v] of Object.entries(row)) if (fits.has(k)) next[k] = v;
    data.placement = next; build(); changed(true);
  }}, modes.map((m) => el("option", {value: m, selected: m === row.mode}, m)))));
  return [choose, ...group((spec.placements[row.mode] ?? {fields: []}).fields, ["placement"])];
}
function build() {
  const top = spec.root.filter((one) => !one.key.includes("."));
  const used = (data.steps ?? []).length, held = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  fields = 0;
  const chosen = props.value.base, own = !spec.recipes.some(([name]) => name === chosen);
  root.replaceChildren(
    el("div", {class: "choose"}, el("label", {for: "recipe-choice"}, "Recipe"), el("select", {id: "recipe-choice", onchange: (e) => trigger("choose", {name: e.target.value})},
      own ? el("option", {value: chosen, selected: true}, `${chosen} (your file)`) : null, spec.recipes.map(([name]) => el("option", {value: name, selected: name === chosen}, name))),
      el("p", {class: "note"}, spec.recipes.find(([name]) => name === chosen)?.[1] ?? "")),
    el("p", {class: "fault", "data-key": "(root)", role: "alert", hidden: true}),
    section("Samples", "", group(top, [])),
    section("Foregrounds", `${(data.foregrounds ?? []).length}`, sources("foregrounds", spec.generators)),
    section("Backgrounds", `${(data.backgrounds ?? []).length}`, sources("backgrounds", spec.backgrounds_drawn)),
    section("Placement", data.placement?.mode ?? "", placement()),
    section("Steps", `${used} in use`, stepCards()),
    section("Labels", "", group(under("labels"), [])),
    section("Hard cases", "", group(under("hard_cases"), [])),
    section("Output", "", group(under("output"), [])),
  );
  showFaults();
  if (held) root.querySelector(`[data-key="${CSS.escape(held)}"] input`)?.focus({preventScroll: true});
}
function showFaults() {
  const all = [...root.querySelectorAll(".fault")], left = {...faults};
  for (const p of all) { p.hidden = true; p.textContent = ""; p.parentElement.classList.remove("wrong"); }
  for (const [key, text] of Object.entries(left)) {
    // A fault of a part is shown at the nearest control that holds it.
    const parts = key.split(".");
    let place = null;
    while (parts.length && !place) { place = root.querySelector(`[data-key="${CSS.escape(parts.join("."))}"]`); parts.pop(); }
    const p = (place?.classList.contains("fault") ? place : place?.querySelector(":scope > .fault")) ?? root.querySelector('.fault[data-key="(root)"]');
    p.hidden = false; p.textContent = place ? text : `${key}: ${text}`;
    if (p.parentElement !== root) p.parentElement.classList.add("wrong");
    for (let d = p.closest("details"); d; d = d.parentElement?.closest("details")) d.open = true;
  }
}
document.addEventListener("aimkit:faults", (e) => { if (e.detail.serial !== serial) return; faults = e.detail.faults ?? {}; if (spec) showFaults(); });

async function take() {
  const value = props.value;
  if (!value || value.serial === serial) return;
  spec ??= await server.recipe_spec();
  serial = value.serial; data = copy(value.data); base = copy(value.data); faults = {};
  for (const k of Object.keys(off)) delete off[k];
  build();
}
watch("value", take);
take();
