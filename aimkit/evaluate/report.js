for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input");
  const show = () => slider.querySelector(".pair").style.setProperty("--cut", input.value + "%");
  input.addEventListener("input", show);
  show();
}
