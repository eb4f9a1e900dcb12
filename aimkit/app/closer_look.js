// One sample, larger, with its provenance. `props.value` is {serial, title, sides: [[name, src]], meta}.
const dialog = element.querySelector("dialog"), place = element.querySelector(".closer-body");
let serial = null;
const make = (tag, text, name) => { const node = document.createElement(tag); if (text != null) node.textContent = text; if (name) node.className = name; return node; };
function tree(value) {
  if (value === null || typeof value !== "object") return make("span", typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value));
  if (Array.isArray(value)) {
    if (value.every((v) => typeof v !== "object")) return make("span", value.join(", "));
    const list = make("ol"); for (const v of value) { const li = make("li"); li.append(tree(v)); list.append(li); } return list;
  }
  const list = make("dl");
  for (const [key, v] of Object.entries(value)) { const dd = make("dd"); dd.append(tree(v)); list.append(make("dt", key.replaceAll("_", " ")), dd); }
  return list;
}
function show() {
  const value = props.value;
  if (!value || value.serial === serial) return;
  serial = value.serial;
  const sides = make("div", null, "closer-sides");
  for (const [name, src] of value.sides) {
    const figure = make("figure"), image = make("img");
    image.src = src; image.alt = name; figure.append(image, make("figcaption", name)); sides.append(figure);
  }
  const facts = make("div", null, "closer-facts"); facts.append(tree(value.meta));
  place.replaceChildren(make("h2", value.title), sides, make("h3", "Provenance"), facts);
  dialog.showModal();
}
element.querySelector(".close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (e) => { if (e.target === dialog) dialog.close(); });
watch("value", show);
