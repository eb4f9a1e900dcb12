// The wall of samples. `props.value` is {turn, serial, items: [{index, caption, src}], faults, note, total, busy}.
const grid = element.querySelector(".wall-grid"), note = element.querySelector(".wall-note"), bar = element.querySelector(".wall-bar");
let turn = -1;
function show() {
  const value = props.value;
  if (!value || value.turn < turn) return;  // an older piece of work that reports late
  turn = value.turn;
  document.dispatchEvent(new CustomEvent("aimkit:faults", {detail: {serial: value.serial, faults: value.faults}}));
  document.dispatchEvent(new CustomEvent("aimkit:busy", {detail: !!value.busy}));
  const wrong = Object.keys(value.faults ?? {}).length;
  grid.classList.toggle("stale", wrong > 0);
  bar.style.width = value.busy ? `${Math.max(4, 100 * value.items.length / Math.max(1, value.total))}%` : "0";
  element.querySelector(".wall").setAttribute("aria-busy", String(!!value.busy));
  const faults = Object.entries(value.faults ?? {}).map(([key, text]) => key === "(root)" ? text : `${key}: ${text}`);
  note.textContent = wrong ? `${faults.join("; ")}. The samples shown are the previous ones.` : value.note ?? "";
  note.hidden = !note.textContent;
  note.classList.toggle("bad", wrong > 0 || !!value.failed);
  if (wrong || value.failed) return;
  const make = () => {
    const tile = document.createElement("button");
    tile.type = "button"; tile.className = "tile empty"; tile.disabled = true;
    tile.append(document.createElement("img"), document.createElement("span"));
    tile.addEventListener("click", () => trigger("look", {index: Number(tile.dataset.index)}));
    grid.append(tile);
  };
  while (value.busy && grid.children.length < value.total) make();
  value.items.forEach((item, i) => {
    if (!grid.children[i]) make();
    const tile = grid.children[i];
    tile.classList.remove("empty", "old"); tile.disabled = false;
    const image = tile.querySelector("img");
    if (image.src !== item.src) image.src = item.src;
    image.alt = `Sample ${item.index}: ${item.caption}`; image.width = item.width; image.height = item.height;
    tile.dataset.index = item.index;
    tile.querySelector("span").textContent = `${item.index} · ${item.caption}`;
  });
  const rest = [...grid.children].slice(value.items.length);
  for (const tile of rest) value.busy ? tile.classList.add("old") : tile.remove();
}
watch("value", show);
show();
