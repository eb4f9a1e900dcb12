// The tools of the wall. `props.value` is {side, color, first, count}; "turn" asks for another side of the samples,
// "move" for other samples, "halt" ends the work.
const pick = (name) => element.querySelector(name);
const color = pick("input[type=color]"), first = pick(".first"), count = pick(".count");
const set = (more, event) => { props.value = {...props.value, ...more}; draw(); trigger(event); };
function draw() {
  const v = props.value;
  for (const b of element.querySelectorAll("[data-side]")) b.setAttribute("aria-pressed", String(b.dataset.side === v.side));
  color.hidden = v.side !== "color";
  if (document.activeElement !== first) first.value = v.first;
  count.value = String(v.count);
  pick(".back").disabled = v.first <= 0;
}
for (const b of element.querySelectorAll("[data-side]")) b.addEventListener("click", () => set({side: b.dataset.side}, "turn"));
const move = (to) => set({first: Math.max(0, Math.round(to) || 0)}, "move");
let timer = 0;
color.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => set({color: color.value}, "turn"), 80); });
first.addEventListener("change", () => move(Number(first.value)));
count.addEventListener("change", () => set({count: Number(count.value)}, "move"));
pick(".back").addEventListener("click", () => move(props.value.first - props.value.count));
pick(".forth").addEventListener("click", () => move(props.value.first + props.value.count));
pick(".halt").addEventListener("click", () => trigger("halt"));
document.addEventListener("aimkit:busy", (e) => { pick(".halt").disabled = !e.detail; });
draw();
