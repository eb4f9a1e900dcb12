// The photos that were dropped. `props.value` is {turn, items: [{name, src, state, reason}], chosen, busy, note}.
const strip = element.querySelector(".strip"), note = element.querySelector(".strip-note"), bar = element.querySelector(".wall-bar");
function show() {
  const value = props.value?.items ? props.value : {items: []}, done = value.items.filter((i) => i.state !== "waiting").length;
  element.querySelector(".photo-strip").setAttribute("aria-busy", String(!!value.busy));
  bar.style.width = value.busy ? `${Math.max(4, 100 * done / Math.max(1, value.items.length))}%` : "0";
  element.querySelector(".nothing-yet").hidden = value.items.length > 0;
  note.textContent = value.note ?? ""; note.hidden = !note.textContent;
  strip.replaceChildren(...value.items.map((item) => {
    const b = document.createElement("button");
    b.type = "button"; b.className = `thumb ${item.state}`; b.dataset.name = item.name;
    b.setAttribute("aria-pressed", String(item.name === value.chosen));
    if (item.src) { const i = document.createElement("img"); i.src = item.src; i.alt = ""; b.append(i); }
    const label = document.createElement("span"); label.textContent = item.name; b.append(label);
    if (item.reason) { const why = document.createElement("em"); why.textContent = item.reason; b.append(why); }
    b.disabled = item.state !== "done";
    b.addEventListener("click", () => trigger("pick", {name: item.name}));
    return b;
  }));
}
watch("value", show);
show();
