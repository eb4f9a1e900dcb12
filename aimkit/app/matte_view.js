// One prediction. `props.value` is {serial, name, width, height, photo, cutout, alpha, trimap, semantic, backdrop}:
// pictures as data URLs. "touched" sends the brush's strokes, in shares of the width; "backdrop" tells what is behind.
const $ = (s) => element.querySelector(s), stage = $(".stage"), canvas = $("canvas"), slider = $(".split");
let serial = null, view = "split", strokes = [], undone = [], erase = false, pen = null, alpha = null, image = {};
const state = {mode: "clear", color: "#00b050"};
const load = (src) => new Promise((ok, no) => { const i = new Image(); i.onload = () => ok(i); i.onerror = no; i.src = src; });

function showView() {
  const value = props.value;
  if (!value) { element.querySelector(".matte-view").hidden = true; return; }
  element.querySelector(".matte-view").hidden = false;
  for (const b of element.querySelectorAll("[data-view]")) b.setAttribute("aria-pressed", String(b.dataset.view === view));
  const cut = view === "split" || view === "cutout", brush = view === "touch";
  stage.dataset.view = view;
  slider.hidden = $(".handle").hidden = view !== "split";
  $(".behind").hidden = !(cut || brush);
  $(".brush").hidden = !brush;
  canvas.hidden = !brush; $(".front").hidden = brush; $(".before").hidden = view !== "split";
  $(".front").src = cut ? value.cutout : value[view] ?? value.photo;
  $(".front").alt = `${view} of ${value.name}`;
  $(".before").src = value.photo;
  $(".front").classList.toggle("plain", !cut);
  stage.style.aspectRatio = `${value.width} / ${value.height}`;
  stage.style.maxWidth = `calc((100vh - 210px) * ${(value.width / value.height).toFixed(4)})`;
  showBackdrop(); split();
  if (brush) draw();
}
function showBackdrop() {
  const v = props.value, own = state.mode === "picture" && v?.backdrop;
  $(".swatch").hidden = state.mode !== "color";
  stage.classList.toggle("checked", state.mode === "clear" || (state.mode === "picture" && !own));
  stage.style.backgroundColor = state.mode === "color" ? state.color : "";
  stage.style.backgroundImage = own ? `url("${v.backdrop}")` : "";
  for (const b of element.querySelectorAll("[data-backdrop]")) b.setAttribute("aria-pressed", String(b.dataset.backdrop === state.mode));
}
function split() { stage.style.setProperty("--split", `${slider.value}%`); }

async function take() {
  const value = props.value;
  if (!value || value.serial === serial) { if (value) showView(); return; }
  serial = value.serial; strokes = []; undone = [];
  showView(); count();
  if (state.mode !== "clear") trigger("backdrop", {...state});  // the composite's file is of the picture before
  const [photo, matte] = await Promise.all([load(value.photo), load(value.alpha)]);
  if (serial !== value.serial) return;
  image = {photo, matte};
  canvas.width = photo.naturalWidth; canvas.height = photo.naturalHeight;
  alpha = document.createElement("canvas"); alpha.width = canvas.width; alpha.height = canvas.height;
  redraw();
}
// The matte as a canvas's own alpha: white, and as opaque as the matte.
function redraw() {
  const c = alpha.getContext("2d", {willReadFrequently: true});
  c.globalCompositeOperation = "copy"; c.drawImage(image.matte, 0, 0, alpha.width, alpha.height);
  const pixels = c.getImageData(0, 0, alpha.width, alpha.height), d = pixels.data;
  for (let i = 0; i < d.length; i += 4) { d[i + 3] = d[i]; d[i] = d[i + 1] = d[i + 2] = 255; }
  c.putImageData(pixels, 0, 0);
  for (const s of strokes) paint(c, s);
  draw();
}
function paint(c, s) {
  const w = alpha.width, [first, ...rest] = s.points;
  c.save();
  c.globalCompositeOperation = s.value ? "source-over" : "destination-out";
  if (s.softness) c.filter = `blur(${s.softness * w}px)`;
  c.strokeStyle = "#fff"; c.lineWidth = 2 * s.radius * w; c.lineCap = c.lineJoin = "round";
  c.beginPath(); c.moveTo(first[0] * w, first[1] * w);
  for (const p of rest.length ? rest : [first]) c.lineTo(p[0] * w, p[1] * w);
  c.stroke(); c.restore();
}
let asked = 0;
function draw() {
  if (asked || view !== "touch" || !alpha) return;
  asked = requestAnimationFrame(() => {
    asked = 0;
    const c = canvas.getContext("2d");
    c.globalCompositeOperation = "copy"; c.drawImage(alpha, 0, 0);
    if (pen && pen.value) paintOver(c, pen);
    c.globalCompositeOperation = "source-in"; c.drawImage(image.photo, 0, 0, canvas.width, canvas.height);
    c.globalCompositeOperation = "destination-over"; c.globalAlpha = 0.25; c.drawImage(image.photo, 0, 0, canvas.width, canvas.height);
    c.globalAlpha = 1; c.globalCompositeOperation = "source-over";
    if (pen && !pen.value) { c.save(); c.globalAlpha = 0.5; paintOver(c, pen, "#b42318"); c.restore(); }
  });
}
function paintOver(c, s, color = "#fff") {
  c.globalCompositeOperation = "source-over"; c.strokeStyle = color; c.lineWidth = 2 * s.radius * canvas.width; c.lineCap = c.lineJoin = "round";
  c.beginPath(); c.moveTo(s.points[0][0] * canvas.width, s.points[0][1] * canvas.width);
  for (const p of s.points.length > 1 ? s.points.slice(1) : s.points) c.lineTo(p[0] * canvas.width, p[1] * canvas.width);
  c.stroke();
}
function count() {
  $(".undo").disabled = !strokes.length; $(".redo").disabled = !undone.length; $(".apply").disabled = !strokes.length;
}
const at = (e) => { const box = canvas.getBoundingClientRect(); return [(e.clientX - box.left) / box.width, (e.clientY - box.top) / box.width].map((x) => Number(x.toFixed(5))); };
canvas.addEventListener("pointerdown", (e) => {
  if (e.button) return;
  canvas.setPointerCapture(e.pointerId); e.preventDefault();
  const radius = Number($(".size").value) / 1000;
  pen = {points: [at(e)], radius, softness: radius * Number($(".soft").value) / 100, value: erase ? 0 : 1}; draw();
});
canvas.addEventListener("pointermove", (e) => {
  if (!pen) return;
  const p = at(e), q = pen.points.at(-1);
  if (Math.hypot(p[0] - q[0], p[1] - q[1]) > pen.radius / 6) { pen.points.push(p); draw(); }
});
const lift = () => { if (!pen) return; strokes.push(pen); undone = []; pen = null; redraw(); count(); };
canvas.addEventListener("pointerup", lift); canvas.addEventListener("pointercancel", lift);

for (const b of element.querySelectorAll("[data-view]")) b.addEventListener("click", () => { view = b.dataset.view; showView(); });
for (const b of element.querySelectorAll("[data-backdrop]")) b.addEventListener("click", () => { state.mode = b.dataset.backdrop; showBackdrop(); trigger("backdrop", {...state}); });
let timer = 0;
$(".swatch").addEventListener("input", (e) => { state.color = e.target.value; showBackdrop(); clearTimeout(timer); timer = setTimeout(() => trigger("backdrop", {...state}), 400); });
slider.addEventListener("input", split);
for (const b of element.querySelectorAll("[data-brush]")) b.addEventListener("click", () => {
  erase = b.dataset.brush === "erase";
  for (const o of element.querySelectorAll("[data-brush]")) o.setAttribute("aria-pressed", String(o === b));
});
$(".undo").addEventListener("click", () => { undone.push(strokes.pop()); redraw(); count(); });
$(".redo").addEventListener("click", () => { strokes.push(undone.pop()); redraw(); count(); });
$(".apply").addEventListener("click", () => trigger("touched", {name: props.value.name, strokes}));
element.addEventListener("keydown", (e) => {
  if (view === "touch" && (e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z") { e.preventDefault(); $(e.shiftKey ? ".redo" : ".undo").click(); }
});
watch("value", take);
take();
