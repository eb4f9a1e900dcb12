// A page of a set. `props.value` is {turn, items: [{position, name, caption, src, fault, marked}], first, size, total, all, busy}.
const find = (name) => element.querySelector(name), every = (name) => [...element.querySelectorAll(name)], grid = find(".shelf-grid");
let turn = -1;
const make = (tag, name) => { const node = document.createElement(tag); node.className = name; return node; };
function card() {
  const box = make("div", "shelf-card"), open = make("button", "shelf-open"), label = make("label", "shelf-mark"), check = make("input", "");
  open.type = "button"; check.type = "checkbox";
  open.append(make("img", ""), make("span", "shelf-name"), make("span", "shelf-caption"));
  label.append(check, "leave out");
  open.addEventListener("click", () => trigger("look", { position: Number(box.dataset.position) }));
  check.addEventListener("change", () => {
    box.classList.toggle("out", check.checked);
    trigger("mark", { position: Number(box.dataset.position), on: check.checked });
  });
  box.append(open, label);
  grid.append(box);
}
function show() {
  const value = props.value;
  if (!value || value.turn < turn) return;
  turn = value.turn;
  const { items, first, total, all } = value;
  find(".shelf").hidden = !all;
  find(".shelf-count").textContent = !total ? `None of ${all} fits the filters.` :
    `${first + 1}–${first + items.length} of ${total}` + (total < all ? ` that fit the filters, ${all} in all` : "");
  find(".wall-bar").style.width = value.busy ? `${Math.max(4, 100 * items.filter((one) => one.src || one.fault).length / items.length)}%` : "0";
  for (const back of every(".back")) back.disabled = !first;
  for (const on of every(".on")) on.disabled = first + items.length >= total;
  find(".below").hidden = total <= value.size;
  while (grid.children.length < items.length) card();
  while (grid.children.length > items.length) grid.lastChild.remove();
  items.forEach((item, i) => {
    const box = grid.children[i], image = box.querySelector("img"), check = box.querySelector("input");
    box.dataset.position = item.position;
    box.classList.toggle("out", item.marked); box.classList.toggle("broken", !!item.fault);
    if (item.src) { if (image.src !== item.src) image.src = item.src; } else image.removeAttribute("src");
    image.alt = item.name;
    box.querySelector(".shelf-name").textContent = item.short;
    box.querySelector(".shelf-caption").textContent = item.fault || item.caption;
    box.title = item.fault ? `${item.name}: ${item.fault}` : item.name;
    check.checked = item.marked; check.setAttribute("aria-label", `Leave out ${item.name}`);
  });
}
function leaf(way, below) {
  trigger("leaf", { first: Math.max(0, props.value.first + way * props.value.size) });
  if (below) element.scrollIntoView({ block: "start" });
}
for (const [name, way] of [[".back", -1], [".on", 1]])
  every(name).forEach((one, i) => one.addEventListener("click", () => leaf(way, i > 0)));
watch("value", show);
show();
