// Text to be copied. `props.value` is the text.
const pre = element.querySelector("pre"), button = element.querySelector("button");
const show = () => { pre.textContent = props.value ?? ""; };
button.addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(props.value ?? ""); button.textContent = "Copied"; }
  catch { const range = document.createRange(); range.selectNodeContents(pre); getSelection().removeAllRanges(); getSelection().addRange(range); button.textContent = "Press Ctrl-C"; }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});
watch("value", show);
show();
