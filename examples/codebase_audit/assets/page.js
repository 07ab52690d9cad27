"use strict";
(() => {
  const said = document.getElementById("said");

  // The table of modules: sort by a column, filter by name.
  const table = document.querySelector("table.sortable");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];

  function value(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent.trim();
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sort(column) {
    const head = heads[column];
    const was = head.getAttribute("aria-sort");
    const down = was ? was === "ascending" : column > 0;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = [...body.rows].map((row) => [value(row, column), row]);
    const [full, empty] = [keyed.filter(([v]) => v !== ""), keyed.filter(([v]) => v === "")];
    full.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    body.append(...full.concat(empty).map(([, row]) => row));
    said.textContent = `Sorted by ${head.textContent.trim()}, ${down ? "descending" : "ascending"}`;
  }

  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => sort(column)));

  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      count += !row.hidden;
    }
    shown.textContent = `${count.toLocaleString("en")} modules`;
  });

  // Tips beside the pointer.
  const tip = document.getElementById("tip");
  document.addEventListener("pointermove", (event) => {
    const marked = event.target.closest("[data-tip]");
    tip.hidden = !marked;
    if (!marked) return;
    tip.textContent = marked.dataset.tip;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
    const top = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  });
  document.addEventListener("pointerleave", () => { tip.hidden = true; });

  // The import graph: show the arcs of one module.
  const graph = document.querySelector("#graph svg");
  if (!graph) return;
  const rows = [...graph.querySelectorAll(".row")];
  const arcs = [...graph.querySelectorAll(".arc")];

  function point(name) {
    graph.classList.toggle("pointed", name !== null);
    const near = new Set([name]);
    for (const arc of arcs) {
      arc.classList.toggle("out", arc.dataset.from === name);
      arc.classList.toggle("in", arc.dataset.to === name);
      if (arc.dataset.from === name) near.add(arc.dataset.to);
      if (arc.dataset.to === name) near.add(arc.dataset.from);
    }
    rows.forEach((row) => row.classList.toggle("near", near.has(row.dataset.name)));
  }

  rows.forEach((row) => {
    row.addEventListener("pointerenter", () => point(row.dataset.name));
    row.addEventListener("pointerleave", () => point(null));
  });
})();
