// A part of a report. `props.value` is its HTML, which the server has escaped; `data-pick` names what a click chooses.
const place = element.querySelector(".report");
function show() {
  place.innerHTML = props.value ?? "";
  enliven(place);
}
function pick(event) {
  const one = event.target.closest("[data-pick]");
  if (one) trigger("pick", { name: one.dataset.pick });
}
place.addEventListener("click", pick);
place.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("[data-pick]")) pick(event); });
watch("value", show);
show();
