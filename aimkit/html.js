// What moves in a report: sliders between two pictures, and tables that sort by a column. Without it all is still there.
function enliven(root) {
  for (const slider of root.querySelectorAll(".slider")) {
    const input = slider.querySelector("input"), pair = slider.querySelector(".pair");
    const show = () => pair.style.setProperty("--cut", input.value + "%");
    input.oninput = show;
    show();
  }
  for (const table of root.querySelectorAll(".wide table")) {
    if (table.tBodies[0].rows.length > 1)
      [...table.tHead.rows[0].cells].forEach((head, column) => sortable(table, head, column));
  }
}
function sortable(table, head, column) {
  if (head.firstElementChild || !head.textContent) return;
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const down = head.ariaSort === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.ariaSort = down ? "descending" : "ascending";
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.cells[column].textContent.trim()]);
    const figure = (text) => (/^[-+]?[\d.]/.test(text) ? parseFloat(text) : NaN);
    const figures = rows.every(([, text]) => !isNaN(figure(text)) || ["", "-", "nan"].includes(text));
    rows.sort(([, a], [, b]) => {
      if (!figures) return a.localeCompare(b, undefined, { numeric: true }) * (down ? -1 : 1);
      const [x, y] = [figure(a), figure(b)];
      return isNaN(x) - isNaN(y) || (x - y) * (down ? -1 : 1) || 0;
    });
    table.tBodies[0].append(...rows.map(([row]) => row));
  };
}
